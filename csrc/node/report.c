// report.c - what a node says of itself and of the members, for `info` and `members`.
#include "node/internal.h"

#include <stdio.h>

static void pair_uint(struct lh_buf *out, const char *key, uint64_t value) {
  lh_write_cstr(out, key);
  lh_write_uint(out, value);
}

static void pair_text(struct lh_buf *out, const char *key, const char *value) {
  lh_write_cstr(out, key);
  lh_write_cstr(out, value);
}

static void write_id(struct lh_buf *out, const struct lh_node_id *id) {
  char text[33];
  for (size_t i = 0; i < 16; i++) (void)snprintf(text + 2 * i, 3, "%02x", id->bytes[i]);
  pair_text(out, "id", text);
}

static void write_hubs(const struct lh_member_record *record, struct lh_buf *out) {
  lh_write_cstr(out, "hubs");
  lh_write_array(out, record->hub_count);
  for (uint32_t i = 0; i < record->hub_count; i++) lh_write_cstr(out, record->hubs[i].id);
}

static void write_member(struct lh_node *node, const struct lh_member_record *record,
                         enum lh_member_state state, struct lh_buf *out) {
  lh_write_map(out, 7);
  pair_text(out, "address", record->address_count > 0 ? record->addresses[0] : "");
  pair_uint(out, "epoch", record->run.epoch);
  write_hubs(record, out);
  write_id(out, &record->run.id);
  lh_write_cstr(out, "is_self");
  lh_write_bool(out, lh_node_id_equal(&record->run.id, &node->identity.id));
  pair_text(out, "name", record->name);
  pair_text(out, "state", lh_member_state_name(state));
}

void lh_service_members(struct lh_node *node, struct lh_buf *out) {
  if (node->members == NULL) {
    struct lh_member_record record = {.run = {node->identity.id, node->epoch}};
    (void)snprintf(record.name, sizeof record.name, "%s", node->name);
    lh_hubs_record(node->hubs, &record);
    lh_write_array(out, 1);
    write_member(node, &record, LH_MEMBER_ALIVE, out);
    return;
  }
  const size_t count = lh_members_count(node->members);
  lh_write_array(out, (uint32_t)count);
  for (size_t i = 0; i < count; i++) {
    enum lh_member_state state;
    const struct lh_member_record *record = lh_members_at(node->members, i, &state);
    write_member(node, record, state, out);
  }
}

static void write_counters(struct lh_node *node, struct lh_buf *out) {
  struct lh_hubs_counters hubs;
  struct lh_actors_counters actors;
  struct lh_registry_counters rows;
  lh_hubs_counters(node->hubs, &hubs);
  lh_actors_counters(node->actors, &actors);
  lh_registry_counters(node->registry, &rows);
  lh_write_cstr(out, "counters");
  lh_write_map(out, 21);
  pair_uint(out, "actors", actors.actors);
  pair_uint(out, "heaps", actors.heaps);
  pair_uint(out, "messages", actors.messages);
  pair_uint(out, "messages_dropped", actors.dropped);
  pair_uint(out, "preemptions", actors.preemptions);
  pair_uint(out, "crashes", actors.crashes);
  pair_uint(out, "started", hubs.started);
  pair_uint(out, "stopped", hubs.stopped);
  pair_uint(out, "restarted", hubs.restarted);
  pair_uint(out, "recovered", hubs.recovered);
  pair_uint(out, "moved_in", hubs.moved_in);
  pair_uint(out, "moved_out", hubs.moved_out);
  pair_uint(out, "surplus", hubs.surplus);
  pair_uint(out, "forwarded", hubs.forwarded);
  pair_uint(out, "strategy_errors", hubs.strategy_errors);
  pair_uint(out, "acted_without_agreement", hubs.acted_without_agreement);
  pair_uint(out, "snapshots_in", rows.snapshots_in);
  pair_uint(out, "ledger_gaps", rows.gaps);
  pair_uint(out, "refused_frames", node->counters.refused_frames);
  pair_uint(out, "events_refused", node->counters.events_refused);
  pair_uint(out, "requests", node->counters.requests);
}

static void write_links(struct lh_node *node, struct lh_buf *out) {
  struct lh_links_counters links = {0};
  if (node->links != NULL) lh_links_counters(node->links, &links);
  lh_write_cstr(out, "links");
  lh_write_map(out, 11);
  pair_uint(out, "frames_in", links.frames_in);
  pair_uint(out, "frames_out", links.frames_out);
  pair_uint(out, "bytes_in", links.bytes_in);
  pair_uint(out, "bytes_out", links.bytes_out);
  pair_uint(out, "datagrams_in", links.datagrams_in);
  pair_uint(out, "datagrams_out", links.datagrams_out);
  pair_uint(out, "bad_seal", links.bad_seal);
  pair_uint(out, "replayed", links.replayed);
  pair_uint(out, "malformed", links.malformed);
  pair_uint(out, "handshake_failed", links.handshake_failed);
  pair_uint(out, "refused", links.refused);
}

void lh_service_info(struct lh_node *node, struct lh_buf *out) {
  static const char *const phases[] = {"starting", "ready", "leaving", "ended"};
  lh_write_map(out, 7);
  pair_text(out, "address", node->address);
  write_counters(node, out);
  pair_uint(out, "epoch", node->epoch);
  write_id(out, &node->identity.id);
  write_links(node, out);
  pair_text(out, "name", node->name);
  pair_text(out, "phase", phases[node->phase]);
}
