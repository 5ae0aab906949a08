-- The planted bugs (csrc/base/plant.h), each with the history that finds it fastest.
--
--   name      as in LH_PLANTED(name)
--   broken    what the code does instead
--   like      whose mistake it is, or the guard of ours that it takes away
--   kind      the history (spec/plant/kinds.lua)
local MEMBERS, GENTLE = "members, any fault", "members, gentle faults"
local REGISTRIES = "registries"

return {
  { name = "stall_guard", kind = GENTLE, broken = "a process that did not run for a while goes on as if it had",
    like = "libuv: timers before packets" },
  { name = "lone_evidence", kind = GENTLE, broken = "a node acts on its own refused dial, without the others' word",
    like = "our guard" },
  { name = "evidence_never_lapses", kind = GENTLE, broken = "a refused dial counts for ever, whatever is heard later",
    like = "our guard" },
  { name = "never_refutes", kind = GENTLE, broken = "a suspected node does not say that it lives",
    like = "our guard" },
  { name = "others_not_asked", kind = GENTLE, broken = "a verdict is given without asking others for the refutation",
    like = "our guard" },
  { name = "hearsay_lives", kind = MEMBERS, broken = "whom others name is taken for a live member",
    like = "Cortex, piko, chitchat: the dead resurrected by gossip" },
  { name = "older_epoch_taken", kind = MEMBERS, broken = "the record of an older epoch takes the place of the newer",
    like = "our guard" },
  { name = "unsigned_facts", kind = MEMBERS, broken = "a fact is believed whoever signed it",
    like = "memberlist: any key holder can impersonate" },
  { name = "fence_forgotten", kind = MEMBERS, broken = "a run whose children were taken over is let in again",
    like = "our guard" },
  { name = "incarnation_order", kind = MEMBERS, broken = "an accusation beats a later refutation", like = "our guard" },
  { name = "streams_prove_nothing", kind = GENTLE, broken = "only datagrams prove life, not frames on the stream",
    like = "memberlist: UDP blocked, TCP fine" },
  { name = "dialled_once", kind = MEMBERS, broken = "a missing link is dialled once and not again",
    like = "Swarm, alertmanager: islands after a split" },
  { name = "views_not_exchanged", kind = MEMBERS, broken = "nodes that differ do not send each other their views",
    like = "Swarm: a node that comes late never syncs" },

  { name = "gap_applied", kind = REGISTRIES, broken = "a delta is applied although those before it are missing",
    like = "our guard" },
  { name = "duplicate_applied", kind = REGISTRIES, broken = "a delta that is here already is applied again",
    like = "our guard" },
  { name = "delta_from_anyone", kind = REGISTRIES, broken = "a node takes changes of a ledger from others than its owner",
    like = "ProcessHub: whole registries from everybody" },
  { name = "removal_passed_over", kind = REGISTRIES, broken = "a removal in a delta is not carried out",
    like = "syn: zombie names" },
  { name = "snapshot_merged", kind = REGISTRIES, broken = "the rows of a snapshot are added to those that are here",
    like = "ProcessHub: a full sync undoes an unregister" },
  { name = "snapshot_of_later", kind = REGISTRIES, broken = "a snapshot holds rows later than the sequence it names",
    like = "syn: snapshot and deltas by two senders" },
  { name = "narrow_snapshot", kind = REGISTRIES, broken = "a snapshot is cut short and stands for the whole ledger",
    like = "delta_crdt: full context, partial data" },
  { name = "digest_not_compared", kind = REGISTRIES, broken = "copies that differ are not found by their digests",
    like = "Swarm, memberlist: no repair of what was lost" },
  { name = "log_goes_on_in_new_epoch", kind = REGISTRIES, broken = "the log of the epoch before goes on in the new one",
    like = "our guard" },
}
