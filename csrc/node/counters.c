// counters.c - what a node has counted since it was started, by room: the request "counters".
//
// Every refusal and every drop that a limit causes is in one of these; doc/limits.md says which.
// The names are the manual's. A local node has no links and no members: theirs are 0 then.
#include "node/internal.h"

#include "base/log.h"

struct group {
  struct lh_buf pairs;
  uint32_t count;
};

static void count(struct group *group, const char *name, uint64_t value) {
  lh_write_cstr(&group->pairs, name);
  lh_write_uint(&group->pairs, value);
  group->count++;
}

static void count_actor(const struct lh_node *node, struct group *group) {
  struct lh_actors_counters actors;
  lh_actors_counters(node->actors, &actors);
  count(group, "actors", actors.actors);
  count(group, "heaps", actors.heaps);
  count(group, "messages", actors.messages);
  count(group, "starts", actors.starts);
  count(group, "stops", actors.stops);
  count(group, "crashes", actors.crashes);
  count(group, "preemptions", actors.preemptions);
  count(group, "dropped", actors.dropped);
  count(group, "mailbox_full", actors.mailbox_full);
  count(group, "inbox_full", actors.inbox_full);
  count(group, "unsendable", actors.unsendable);
  count(group, "timeouts", actors.timeouts);
  count(group, "start_failures", actors.start_failures);
  count(group, "overdue", actors.overdue);
  count(group, "memory_refused", actors.memory_refused);
  count(group, "futures_full", actors.futures_full);
  count(group, "timers_full", actors.timers_full);
  count(group, "blocked", actors.blocked);
}

static void count_base(const struct lh_node *node, struct group *group) {
  (void)node;
  count(group, "log_dropped", lh_log_dropped());
  count(group, "log_cut", lh_log_cut());
}

static void count_env(const struct lh_node *node, struct group *group) {
  count(group, "accepts_refused", lh_env_accepts_refused(node->env));
}

static void count_hub(const struct lh_node *node, struct group *group) {
  struct lh_hubs_counters hubs;
  lh_hubs_counters(node->hubs, &hubs);
  count(group, "started", hubs.started);
  count(group, "stopped", hubs.stopped);
  count(group, "restarted", hubs.restarted);
  count(group, "recovered", hubs.recovered);
  count(group, "moved_in", hubs.moved_in);
  count(group, "moved_out", hubs.moved_out);
  count(group, "surplus", hubs.surplus);
  count(group, "conflicts", hubs.conflicts);
  count(group, "conflicts_by_default", hubs.conflicts_by_default);
  count(group, "failed", hubs.failed);
  count(group, "forwarded", hubs.forwarded);
  count(group, "refused", hubs.refused);
  count(group, "acted_without_agreement", hubs.acted_without_agreement);
  count(group, "strategy_errors", hubs.strategy_errors);
  count(group, "stop_orders", hubs.orders);
  count(group, "ended_by_order", hubs.ended_by_order);
  count(group, "away_joined", hubs.away_joined);
  count(group, "asked_forgotten", hubs.asked_forgotten);
  count(group, "given_up", hubs.given_up);
  count(group, "reconcile_rounds", hubs.reconcile_rounds);
  count(group, "reconciled", hubs.reconciled);
}

static void count_link(const struct lh_node *node, struct group *group) {
  struct lh_links_counters links = {0};
  if (node->links != NULL) lh_links_counters(node->links, &links);
  count(group, "frames_in", links.frames_in);
  count(group, "frames_out", links.frames_out);
  count(group, "bytes_in", links.bytes_in);
  count(group, "bytes_out", links.bytes_out);
  count(group, "datagrams_in", links.datagrams_in);
  count(group, "datagrams_out", links.datagrams_out);
  count(group, "datagram_bytes_in", links.datagram_bytes_in);
  count(group, "datagram_bytes_out", links.datagram_bytes_out);
  count(group, "connections", links.connections);
  count(group, "bad_seal", links.bad_seal);
  count(group, "replayed", links.replayed);
  count(group, "unknown_key", links.unknown_key);
  count(group, "malformed", links.malformed);
  count(group, "too_big", links.too_big);
  count(group, "refused", links.refused);
  count(group, "handshake_failed", links.handshake_failed);
  count(group, "half_open_full", links.half_open_full);
  count(group, "data_full", links.data_full);
  count(group, "overflows", links.overflows);
}

static void count_member(const struct lh_node *node, struct group *group) {
  struct lh_members_counters members = {0};
  if (node->members != NULL) lh_members_counters(node->members, &members);
  count(group, "probes", members.probes);
  count(group, "probe_failures", members.probe_failures);
  count(group, "suspicions", members.suspicions);
  count(group, "refutations", members.refutations);
  count(group, "deaths", members.deaths);
  count(group, "hard_deaths", members.hard_deaths);
  count(group, "malformed", members.malformed);
  count(group, "bad_signature", members.bad_signature);
  count(group, "stalls", members.stalls);
  count(group, "udp_broken", members.udp_broken);
  count(group, "full", members.full);
  count(group, "rumours_dropped", members.rumours_dropped);
}

static void count_node(const struct lh_node *node, struct group *group) {
  const struct node_counters *own = &node->counters;
  count(group, "requests", own->requests);
  count(group, "requests_failed", own->requests_failed);
  count(group, "refused_frames", own->refused_frames);
  count(group, "no_memory", own->no_memory);
  count(group, "unsent", atomic_load(&node->unsent));
  count(group, "events_refused", own->events_refused);
  count(group, "events_dropped", own->events_dropped);
  count(group, "hooks_dropped", own->hooks_dropped);
  count(group, "hooks_failed", own->hooks_failed);
  count(group, "hooks_run", own->hooks_run);
  count(group, "questions_failed", own->questions_failed);
  count(group, "storage_expired", own->storage_expired);
  count(group, "storage_refused", own->storage_refused);
  count(group, "control_refused", own->control_refused);
  count(group, "control_cut", own->control_cut);
  count(group, "seeds_refused", own->seeds_refused);
  count(group, "not_allowed", own->not_allowed);
  count(group, "watch_lost", own->watch_lost);
}

static void count_registry(const struct lh_node *node, struct group *group) {
  struct lh_registry_counters rows;
  lh_registry_counters(node->registry, &rows);
  count(group, "deltas_in", rows.deltas_in);
  count(group, "deltas_out", rows.deltas_out);
  count(group, "ledgers_dropped", rows.dropped);
  count(group, "snapshots_in", rows.snapshots_in);
  count(group, "snapshots_out", rows.snapshots_out);
  count(group, "gaps", rows.gaps);
  count(group, "duplicates", rows.duplicates);
  count(group, "refused", rows.refused);
  count(group, "malformed", rows.malformed);
  count(group, "digest_mismatch", rows.digest_mismatch);
  count(group, "orders_dropped", rows.orders_dropped);
}

void lh_service_counters(const struct lh_node *node, struct lh_buf *out) {
  static const struct {
    const char *room;
    void (*fn)(const struct lh_node *node, struct group *group);
  } rooms[] = {{"actor", count_actor}, {"base", count_base},        {"env", count_env},
               {"hub", count_hub},     {"link", count_link},        {"member", count_member},
               {"node", count_node},   {"registry", count_registry}};
  const size_t rooms_count = sizeof rooms / sizeof rooms[0];
  lh_write_map(out, (uint32_t)rooms_count);
  for (size_t i = 0; i < rooms_count; i++) {
    struct group group = {.pairs = LH_BUF_EMPTY};
    rooms[i].fn(node, &group);
    lh_write_cstr(out, rooms[i].room);
    lh_write_map(out, group.count);
    lh_buf_append(out, group.pairs.data, group.pairs.len);
    lh_buf_free(&group.pairs);
  }
}
