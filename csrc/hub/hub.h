// hub.h - hubs: placing children on nodes, starting, stopping, moving, recovering them.
//
// One `struct lh_hubs` per node holds the hubs that run here and what this node knows of the
// others'. It decides; it runs nothing: the node (csrc/node) carries out what `struct lh_hubs_ops`
// asks and brings the answers back. Pure: no clock, no socket, no Lua, no thread. The same events
// in the same order give the same calls.
//
// The view and the vote. Every node computes its view (the runs that live, their hubs, who takes
// children) and sends a hash of it, a VIEW frame, to all whenever it changes. A view is *agreed*
// here when every member of it sent the same hash. Children are recovered and moved under an agreed
// view only. Because a node writes the rows of all it has begun (STARTING rows, its claims) before
// it sends its next VIEW, and a VIEW counts once the rows before it have come, whoever holds all
// votes for a view also holds every claim made under earlier ones: no child is claimed twice,
// whatever joins and dies meanwhile.
//
//   child here:  (order) -> STARTING -> RUNNING -> STOPPING -> gone
//                               ^           |  \-> MOVING   -> gone (runs elsewhere) | RUNNING
//                               again
//                               +- WAITING <+   ended by itself and is to run again
//
// Calls into this header come on the protocol thread only. After a turn's events the node calls
// lh_hubs_flush, which gives out the turn's orders, flushes the registry and only then sends
// answers that rely on its rows.
#ifndef LH_HUB_HUB_H
#define LH_HUB_HUB_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/id.h"
#include "member/member.h"
#include "registry/registry.h"
#include "wire/runs.h"

enum {
  LH_START_PART = 1000,  // children in one START or STOP frame
  // limit: children in one call | code invalid_spec, node.requests_failed |
  // spec/input/limit_spec.lua: of children in one call
  LH_BATCH_MAX = 1000000,
  // limit: children of a hub that move at a time | nothing: the others wait for their turn |
  // spec/input/limit_spec.lua: children that move
  LH_MOVES_MAX = 512,
  LH_MOVES_PACED = 8,  // where the bytes of their states are budgeted
  LH_HOPS_MAX = 3,     // how often a request is passed on
  // limit: how long members that do not agree wait before each acts on its own view |
  // hub.acted_without_agreement | spec/input/limit_spec.lua: of time: a hook handler, a stop, an
  // agreement
  LH_VIEW_CAP_MS = 10000,
  // a node that returns forgets whom it did not meet so long after the first that it met
  LH_STRANGERS_MS = 5000,
  LH_MOVE_MS = 35000,      // a move that takes longer is given up
  LH_MOVE_LINK_MS = 3000,  // or this long after its link was made anew, or this node went on
  LH_MOVE_LATE_MS = 500,   // after it stood still: its end is noticed so late
  LH_BALANCE_MS = 250,     // a failed move is tried again after this, then twice as long, up to
  LH_BALANCE_MAX_MS = 30000,
  LH_RECOVER_MS =
      1000,  // rows of the dead that nobody covered are looked at again after this, then
  LH_RECOVER_MAX_MS = 30000,    // twice as long, up to
  LH_RECONCILE_MS = 1000,       // what FILE wants and does not run is looked for after this, then
  LH_RECONCILE_MAX_MS = 30000,  // twice as long, up to
  LH_LEAVE_LOOK_MS = 200,       // how often a leaving node looks for children that nobody takes
  // how long it hears, once the members agree that it leaves, whether others do: nothing goes there
  LH_LEAVE_HEAR_MS = 100,
  // limit: how long a leaving node hands children on; the others recover what is left |
  // hub.recovered | spec/sim/sim_spec.lua: sees a node leave after 30 s though it has children yet
  LH_DRAIN_MS = 30000,
  LH_ROLE_MS = 5000,  // an instance that has not heard by then that it is passive is stopped
  LH_RETRY_MS = 20,   // a stop that met a child on its way is asked again after this
  // limit: how long a start or a stop may take | code child_start_timeout, code timeout |
  // spec/input/limit_spec.lua: of time: a hook handler, a stop, an agreement
  LH_OP_MS = 10000,
  // limit: operations under way on one node | code limit, node.requests_failed |
  // spec/hub/faults_spec.lua: refuse more operations than a node carries, starts and stops alike
  LH_OPS_MAX = 10000,
  // limit: how long a strategy or the main program may take to answer | hub.strategy_errors,
  // node.questions_failed | spec/input/hook_spec.lua: fails the start, is logged and counted, and
  // is asked again for the next
  LH_POLICY_MS = 5000,
  // limit: dead runs that may return and are kept in mind one by one, for each hub; of more, the
  // oldest are kept as one | hub.away_joined | spec/hub/order_spec.lua: keeps those that died first
  // as one
  LH_AWAY_MAX = 32,
  // limit: how long a dead node may return and what was stopped meanwhile stays stopped |
  // hub.stop_orders | spec/hub/split_spec.lua: leaves orders only for children that somebody
  LH_AWAY_MS = 24 * 3600 * 1000,  // as long as the members keep the dead
  // limit: stops that not every member is known to have heard of; for one more the oldest becomes a
  // stop order | hub.stop_orders | spec/hub/order_spec.lua: makes orders of the oldest
  LH_LATELY_MAX = 16384,
  // limit: stops of children of other hosts that this node asked for and remembers for 30 s, in
  // case a host dies; for one more the oldest is forgotten | hub.asked_forgotten |
  // spec/hub/order_spec.lua: forgets the oldest of the stops that it asked for
  LH_ASKED_MAX = 32768,
  LH_ASKED_MS = 30000,
  LH_LATELY_MS = 500,  // after this the members are asked whether they heard
  LH_WORD_MS = 500,    // after this they hear that nothing of the dead is left, and who is away
  LH_ORDER_LOOK_MS = 15000,  // how often our stop orders are looked at: may they go?
  // limit: how long a node runs children of a hub with a quorum strategy after the last word of a
  // quorum | hub.given_up | spec/hub/quorum_spec.lua: gives up its children before the others start
  LH_LEASE_MS = 5000,
  LH_LEASE_ASK_MS = 1000,  // how often the members are asked
  // limit: how long after its end a lease can be renewed; then what ran is given up | hub.given_up
  // | spec/hub/quorum_spec.lua: keeps the children of a node that stalls for a while
  LH_LEASE_HOLD_MS = 1000,
  // limit: how long terminate of a child that is given up may take | hub.given_up |
  // spec/hub/quorum_spec.lua: gives up its children before the others start them
  LH_LEASE_STOP_MS = 2000,
  // Of the lease, of giving up, of clocks whose rates differ by 2 %, and one second.
  LH_LEASE_WAIT_MS =
      (LH_LEASE_MS + LH_LEASE_HOLD_MS + LH_LEASE_STOP_MS) * 102 / 100 + LH_LEASE_ASK_MS,
  LH_FLAP_DEATHS = 2,       // so often a node dies before moves to it are held
  LH_FLAP_CALM_MS = 60000,  // it lives so long after that, and is forgiven
  LH_QUIET_MAX_MS = 600000,
  LH_FORGET_MS = 20000,  // how long taking a node out of the member set is tried
  LH_RESTARTS_MAX = 3,   // restarts at once within LH_RESTART_WINDOW_MS, then after growing delays
  LH_RESTART_WINDOW_MS = 5000,
  LH_RESTART_DELAY_MS = 500,
  LH_RESTART_DELAY_MAX_MS = 30000,
};

// Frame types (of the link's) that belong to hubs.
enum {
  LH_FRAME_VIEW = 0x30,
  LH_FRAME_START = 0x31,
  LH_FRAME_STARTED = 0x32,
  LH_FRAME_STOP = 0x33,
  LH_FRAME_STOPPED = 0x34,
  LH_FRAME_COMMIT = 0x35,
  LH_FRAME_COMMITTED = 0x36,
  LH_FRAME_ABORT = 0x37,
  LH_FRAME_HOLD = 0x38,
  LH_FRAME_HELD = 0x39,
  LH_FRAME_LEASE = 0x3a,
  LH_FRAME_LEASED = 0x3b,
  LH_FRAME_LOAD = 0x3c,
  LH_FRAME_SET = 0x3d,
  LH_FRAME_CONFLICT = 0x3e,
  LH_FRAME_VERDICT = 0x3f,
};

enum lh_distribution {
  LH_DISTRIBUTION_RENDEZVOUS,
  LH_DISTRIBUTION_RING,
  LH_DISTRIBUTION_GUIDED,
  LH_DISTRIBUTION_LOAD,
  LH_DISTRIBUTION_CUSTOM
};
// How many instances a child has when each node of the hub runs one.
#define LH_FACTOR_ALL UINT32_MAX
enum lh_quorum_kind { LH_QUORUM_NONE, LH_QUORUM_STATIC, LH_QUORUM_MAJORITY, LH_QUORUM_DYNAMIC };
struct lh_quorum {
  enum lh_quorum_kind kind;
  uint32_t size;     // static: so many members are a quorum; else: so many found the first set
  uint32_t of;       // static: so many nodes there are at most
  uint32_t percent;  // dynamic: of the members, at least, are a quorum
  lh_ms threshold;   // dynamic: who is gone for so long is taken out of the set
};
enum lh_migration {
  LH_MIGRATION_COLD,
  LH_MIGRATION_HOT,
  LH_MIGRATION_AUTONOMOUS,  // see loose.c
  LH_MIGRATION_CUSTOM
};

// How fast children begin to move from one node, each second; 0: as fast as they can.
struct lh_budget {
  uint32_t children;
  uint32_t bytes;  // of the states that are handed over
};

// Children are asked before they move to where they belong, see consent.c.
struct lh_consent {
  lh_ms timeout_ms;  // for their answer; 0: nobody is asked
  lh_ms retry_ms;    // so much later one that put it off is asked again
  lh_ms limit_ms;    // so long after it first did, it is moved all the same
};

struct lh_hub_config {
  struct lh_bytes id;
  enum lh_distribution distribution;
  bool deterministic;         // every member finds the same by itself; false: one asks for all
  uint32_t bound;             // thousandths of its share that a node takes at most; 0: no bound
  bool pinned;                // guided: a child stays with the nodes that were said
  struct lh_bytes weights;    // encoded { name = thousandths } before what nodes say themselves
  struct lh_bytes placement;  // of children that have none, encoded
  bool replicated;            // a child has instances on several nodes, see replica.c
  uint32_t factor;            // on so many of them, or LH_FACTOR_ALL
  bool one_active;            // of its instances one at a time, see role.c
  bool tells_active;          // instances hear that they are active,
  bool tells_passive;         // or passive
  enum lh_migration migration;
  bool handover;  // of a hot migration
  struct lh_consent consent;
  struct lh_budget budget;
  lh_ms quiet_ms;         // before children move to a node that comes and goes, see flap.c; 0: none
  bool custom_partition;  // ask "may_act"
  struct lh_quorum quorum;      // who may act, and who may run
  struct lh_bytes kept;         // what ops.keep was given last, in an earlier run too
  bool custom_synchronization;  // the node asks "propagate"
  uint32_t gossip_recipients;   // the node gossips events; 0: it sends them straight
  bool custom_init;             // ask "init" before a start is placed
  uint8_t digest[16];
};

// An order to start an actor (see actor/actor.h, which this room does not know). Slices live during
// the call.
struct lh_order {
  uint64_t token;
  struct lh_bytes hub, id, spec, metadata;
  uint64_t generation;
  bool prepared;
};

struct lh_hubs_ops {
  // A frame for a peer, in order with the registry's (class state).
  void (*send)(void *self, uint32_t peer, uint8_t type, struct lh_bytes body);
  // Orders to the actors; each is answered by lh_hubs_started, _stopped, _frozen or _activated.
  void (*start)(void *self, const struct lh_order *orders, size_t count);
  void (*stop)(void *self, uint64_t token, lh_pid pid, const char *reason, lh_ms shutdown_ms,
               lh_pid forward);
  void (*freeze)(void *self, uint64_t token, lh_pid pid);
  // The child has this generation from now on; if it was frozen, it goes on.
  void (*thaw)(void *self, lh_pid pid, uint64_t generation);
  // Its metadata is another from now on.
  void (*describe)(void *self, lh_pid pid, struct lh_bytes metadata);
  // It is told that it is the active instance of its child, or a passive one; lh_hubs_told answers.
  void (*tell_role)(void *self, uint64_t token, lh_pid pid, bool active);
  void (*activate)(void *self, uint64_t token, lh_pid pid, struct lh_bytes state,
                   uint64_t generation);
  // May it be moved? lh_hubs_consented answers; it need not. May be NULL where no hub asks.
  void (*consent)(void *self, uint64_t token, lh_pid pid);
  // A question to a strategy or an alter hook; answered by lh_hubs_answered. `args`: encoded
  // values.
  void (*ask)(void *self, uint64_t question, const char *kind, struct lh_bytes args,
              uint32_t count);
  // The end of an operation that a caller waits for. status 0: `result` is an encoded value; else
  // an error.
  void (*reply)(void *self, uint64_t caller, int status, struct lh_bytes result,
                const struct lh_error *error);
  // Something happened that hooks may want. `payload`: an encoded map.
  bool (*wants)(void *self, struct lh_bytes hub, const char *key);
  void (*event)(void *self, struct lh_bytes hub, const char *key, struct lh_bytes payload);
  // Our entry in the member record (hubs, placeable, leaving) changed.
  void (*record_changed)(void *self);
  // The children of this dead run are being taken over here.
  void (*fence)(void *self, const struct lh_run *run);
  // Children of this hub may run Lua until then; LH_NEVER: without end. Only hubs with a quorum
  // strategy have one, 0 at first. May be NULL.
  void (*lease)(void *self, struct lh_bytes hub, lh_ms until);
  // Keeps this of the hub, instead of what was kept before: LH_OK once it outlives a crash. NULL:
  // nothing is kept, and no hub has a quorum of an agreed member set.
  int (*keep)(void *self, struct lh_bytes hub, struct lh_bytes state);
  // A hub that was told to close has no children here any more; the node's last one that leaves.
  void (*closed)(void *self, struct lh_bytes hub);
  void (*drained)(void *self);
  // Heaps here that have work and wait for a thread, in thousandths of the threads.
  uint32_t (*pressure)(void *self);
};

struct lh_hubs;

struct lh_hubs *lh_hubs_new(struct lh_runs *runs, uint32_t self_node, const char *name,
                            struct lh_registry *registry, const struct lh_hubs_ops *ops,
                            void *ops_self);
void lh_hubs_free(struct lh_hubs *hubs);
// Before the new epoch: the others took over what our ledger held up to `seq`. Those children end
// here; their rows go from our ledger when the new epoch is about to begin.
void lh_hubs_yield(struct lh_hubs *hubs, lh_ms now, uint64_t seq);
void lh_hubs_yielded(struct lh_hubs *hubs);
void lh_hubs_new_epoch(struct lh_hubs *hubs, uint32_t self_node,
                       lh_ms now);  // after lh_registry_new_epoch

// --- hubs of this node ---
int lh_hubs_open(struct lh_hubs *hubs, lh_ms now, const struct lh_hub_config *config,
                 struct lh_error *error);
int lh_hubs_close(struct lh_hubs *hubs, lh_ms now,
                  struct lh_bytes id);                // hands its children on, then ops.closed
void lh_hubs_leave(struct lh_hubs *hubs, lh_ms now);  // all of them, then ops.drained
size_t lh_hubs_count(const struct lh_hubs *hubs);
struct lh_bytes lh_hubs_id(const struct lh_hubs *hubs, size_t index);  // in order of opening
// Fills the hub part of our member record. The hubs array is the callee's until the next event.
void lh_hubs_record(struct lh_hubs *hubs, struct lh_member_record *record);
// Names of the nodes that run the hub, sorted; encoded as a list.
void lh_hubs_nodes(struct lh_hubs *hubs, struct lh_bytes hub, bool include_local,
                   struct lh_buf *out);
struct lh_hub_state {
  bool alive, locked, partitioned;
  bool has_quorum;  // so many members are here as it needs, agreed or not; true where it needs none
};
// The names of the agreed member set of a hub, sorted; encoded as a list. Answers how many of them
// are a quorum; 0: the hub has no agreed set, or none yet.
size_t lh_hubs_agreed(struct lh_hubs *hubs, struct lh_bytes hub, struct lh_buf *out);
// Takes a node that is not here out of the agreed member set, by a majority of it. ops.reply
// answers true, or codes not_alive, no_member_set, not_found, alive, busy, no_quorum
// (LH_FORGET_MS).
void lh_hubs_forget(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes hub,
                    struct lh_bytes node);
// Begins the set anew with the members that this node sees, agreed or not: it goes before every
// other. Safe only where nobody else runs children of the hub. ops.reply answers its names.
void lh_hubs_reset_quorum(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes hub);
bool lh_hubs_asks_synchronization(struct lh_hubs *hubs, struct lh_bytes hub);
uint32_t lh_hubs_gossips(struct lh_hubs *hubs, struct lh_bytes hub);  // to how many; 0: it does not
struct lh_hub_state lh_hubs_state(struct lh_hubs *hubs, struct lh_bytes hub);

// --- nodes that take no children --- see drain.c
enum lh_hub_openness {
  LH_HUB_OPEN,
  LH_HUB_CORDONED,
  LH_HUB_DRAINING,
  LH_HUB_FORCING,
  LH_HUB_DRAINED
};
struct lh_hub_drain {
  enum lh_hub_openness state;
  size_t left, moved, forced;  // children: here; that went, before and after the deadline
};
// Hands the hub's children on. ops.reply answers `caller` (0: nobody) at the end with { moved,
// forced, failed = { { id, message } } }, or at once with an error: not_alive, draining,
// partitioned, no_nodes. `deadline`: ms until migration strategies are not asked any more.
void lh_hubs_drain(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes hub,
                   lh_ms deadline);
// Takes no more; and takes children again, whatever it was. LH_ENOTFOUND no such hub here,
// LH_EAGAIN it is being drained.
int lh_hubs_cordon(struct lh_hubs *hubs, struct lh_bytes hub);
int lh_hubs_uncordon(struct lh_hubs *hubs, struct lh_bytes hub);
// No child moves from here because nodes came or went, until it is resumed. LH_OK, LH_ENOTFOUND.
int lh_hubs_pause(struct lh_hubs *hubs, struct lh_bytes hub);
int lh_hubs_resume(struct lh_hubs *hubs, lh_ms now, struct lh_bytes hub);
struct lh_hub_moves {
  bool paused;
  size_t moving, waiting, put_off;  // children: on their way, in the queue, asked and not ready
  size_t quiet;                     // nodes that get none for a while, see flap.c
};
int lh_hubs_moves(struct lh_hubs *hubs, lh_ms now, struct lh_bytes hub, struct lh_hub_moves *out);
int lh_hubs_openness(struct lh_hubs *hubs, struct lh_bytes hub, struct lh_hub_drain *out);

// --- events ---
void lh_hubs_member(struct lh_hubs *hubs, lh_ms now, const struct lh_member_record *record,
                    enum lh_member_state state);
void lh_hubs_peer_up(struct lh_hubs *hubs, lh_ms now, uint32_t node);
void lh_hubs_peer_down(struct lh_hubs *hubs, uint32_t node);  // after the registry's
int lh_hubs_receive(struct lh_hubs *hubs, lh_ms now, uint32_t from, uint8_t type,
                    struct lh_bytes body);
void lh_hubs_row_changed(struct lh_hubs *hubs, const struct lh_row *before,
                         const struct lh_row *after);
void lh_hubs_ordered(struct lh_hubs *hubs, uint32_t hub, struct lh_bytes id, uint64_t born);
void lh_hubs_advanced(struct lh_hubs *hubs, uint32_t node, uint64_t seq);
void lh_hubs_started(struct lh_hubs *hubs, lh_ms now, uint64_t token, int status, lh_pid pid,
                     const char *error);
void lh_hubs_ended(struct lh_hubs *hubs, lh_ms now, uint64_t token, bool abnormal,
                   const char *reason);
void lh_hubs_stopped(struct lh_hubs *hubs, lh_ms now, uint64_t token);
void lh_hubs_frozen(struct lh_hubs *hubs, lh_ms now, uint64_t token, int status,
                    struct lh_bytes state, const char *error);
void lh_hubs_activated(struct lh_hubs *hubs, lh_ms now, uint64_t token, int status,
                       const char *error);
// LH_EAGAIN: it puts its move off; LH_OK: it is ready, and any other code: it takes no part.
void lh_hubs_consented(struct lh_hubs *hubs, lh_ms now, uint64_t token, lh_pid pid, int status);
void lh_hubs_told(struct lh_hubs *hubs, lh_ms now, uint64_t token, lh_pid pid);
void lh_hubs_answered(struct lh_hubs *hubs, lh_ms now, uint64_t question, int status,
                      struct lh_bytes result, const char *error);
lh_ms lh_hubs_due(const struct lh_hubs *hubs);
void lh_hubs_tick(struct lh_hubs *hubs, lh_ms now);
void lh_hubs_flush(struct lh_hubs *hubs, lh_ms now);  // at the end of every turn

// --- operations --- `value` is the request as Lua sent it (an encoded map, see doc/manual.md):
// hub, children or ids, options. Answered by ops.reply with the same `caller`, by its deadline at
// the latest. caller 0: nobody waits.
void lh_hubs_start(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes value);
void lh_hubs_stop(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes value);
// Changes the metadata of a child that runs here: `value` is a map of hub, id, set (a map), remove
// (keys), replace, timeout. Answered as a start, when all members hold the row; code "not_here"
// when it does not run here just now.
void lh_hubs_describe(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes value);
// Stops the instance that runs here: LH_OK (answered later), LH_ENOTFOUND, LH_EAGAIN (restarting),
// LH_EEXISTS (on its way).
int lh_hubs_terminate(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes hub,
                      struct lh_bytes id);
// Orders a child that runs here to a node: LH_OK (it will go, or is there), LH_ENOTFOUND (not
// here), LH_EAGAIN (on its way), LH_EINVAL (that node takes no children of the hub), LH_EDENIED
// (the hub is replicated: no instance moves). `pin`: once there, no change of members moves it on,
// until it is released.
int lh_hubs_move(struct lh_hubs *hubs, lh_ms now, struct lh_bytes hub, struct lh_bytes id,
                 const char *node, bool pin);
// It goes where it belongs: LH_OK, LH_ENOTFOUND, LH_EAGAIN.
int lh_hubs_release(struct lh_hubs *hubs, lh_ms now, struct lh_bytes hub, struct lh_bytes id);
// A child here that is asked, or put its move off, is ready: LH_OK, LH_ENOTFOUND (not here),
// LH_EINVAL (it did neither).
int lh_hubs_ready(struct lh_hubs *hubs, lh_ms now, struct lh_bytes hub, struct lh_bytes id);
// What runs here, as which_children_local answers it: the encoded list of { id, pid or text, type,
// modules }.
void lh_hubs_which(struct lh_hubs *hubs, struct lh_bytes hub, struct lh_buf *out);

// The distribution of a hub, as Lua describes it (an encoded map).
void lh_hub_config_read(struct lh_hub_config *config, struct lh_bytes distribution);
// And its redundancy.
void lh_hub_config_redundancy(struct lh_hub_config *config, struct lh_bytes redundancy);

// A distribution that hashes, for whoever wants to try it out: for each id the index of its node in
// `nodes` (at least one), UINT32_MAX for none.
struct lh_hub_node {
  const char *name;
  uint32_t weight;
  const char *labels;
};
void lh_hubs_place(const struct lh_hub_config *config, const struct lh_hub_node *nodes,
                   size_t node_count, const struct lh_bytes *ids, size_t count, uint32_t *places);

struct lh_hubs_counters {
  uint64_t started, stopped, restarted, recovered, moved_in, moved_out, surplus, failed, forwarded,
      refused, acted_without_agreement, strategy_errors;
  uint64_t orders, ended_by_order;  // stop orders written here; children here that one ended
  uint64_t away_joined;             // dead runs beyond LH_AWAY_MAX
  uint64_t asked_forgotten;         // stops beyond LH_ASKED_MAX
  uint64_t given_up;                // children ended here for want of a quorum
  uint64_t reconcile_rounds;        // rounds that looked for what FILE wants and does not run,
  uint64_t reconciled;              // and children that they asked for
  uint64_t conflicts;               // doubled children of which an on_conflict hook here decided
  uint64_t conflicts_by_default;    // and those of which none could
};
void lh_hubs_counters(const struct lh_hubs *hubs, struct lh_hubs_counters *out);
// What a member said of its pressure (see ops.pressure), in steps; 0 also of one that said nothing.
uint32_t lh_hubs_pressure(struct lh_hubs *hubs, const struct lh_run *run);
// Operations under way that somebody here waits for, and requests that wait for an agreed view.
void lh_hubs_load(const struct lh_hubs *hubs, size_t *operations, size_t *waiting);

#endif
