// report.c - what a node says of itself and of the members, for `info` and `members`.
#include "node/internal.h"

#include <stdio.h>
#include <string.h>

static void pair_uint(struct lh_buf *out, const char *key, uint64_t value) {
  lh_write_cstr(out, key);
  lh_write_uint(out, value);
}

static void pair_text(struct lh_buf *out, const char *key, const char *value) {
  lh_write_cstr(out, key);
  lh_write_cstr(out, value);
}

void lh_service_id(const struct lh_node_id *id, char out[33]) {
  for (size_t i = 0; i < 16; i++) (void)snprintf(out + 2 * i, 3, "%02x", id->bytes[i]);
}

static void write_id(struct lh_buf *out, const struct lh_node_id *id) {
  char text[33];
  lh_service_id(id, text);
  pair_text(out, "id", text);
}

static void write_hubs(const struct lh_member_record *record, struct lh_buf *out) {
  lh_write_cstr(out, "hubs");
  lh_write_array(out, record->hub_count);
  for (uint32_t i = 0; i < record->hub_count; i++) lh_write_cstr(out, record->hubs[i].id);
}

// Those of its hubs that it takes no children of: it is cordoned, drained or leaving, or its
// program does not answer.
static void write_cordoned(const struct lh_member_record *record, struct lh_buf *out) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < record->hub_count; i++) count += record->hubs[i].placeable ? 0 : 1;
  lh_write_cstr(out, "cordoned");
  lh_write_array(out, count);
  for (uint32_t i = 0; i < record->hub_count; i++)
    if (!record->hubs[i].placeable) lh_write_cstr(out, record->hubs[i].id);
}

static void write_member(struct lh_node *node, const struct lh_member_record *record,
                         enum lh_member_state state, struct lh_buf *out) {
  lh_write_map(out, 11);
  pair_text(out, "address", record->address_count > 0 ? record->addresses[0] : "");
  write_cordoned(record, out);
  pair_uint(out, "epoch", record->run.epoch);
  write_hubs(record, out);
  write_id(out, &record->run.id);
  lh_write_cstr(out, "is_self");
  lh_write_bool(out, lh_node_id_equal(&record->run.id, &node->identity.id));
  pair_text(out, "labels", record->labels);
  pair_text(out, "name", record->name);
  pair_uint(out, "pressure", lh_hubs_pressure(node->hubs, &record->run));
  pair_text(out, "state", lh_member_state_name(state));
  pair_uint(out, "weight", record->weight);
}

void lh_node_load(const struct lh_node *node, struct lh_node_load *out) {
  *out = (struct lh_node_load){
      .callers = node->callers.count,
      .events = node->queued_event_count,
      .members = node->members != NULL ? lh_members_count(node->members) : 1,
  };
  lh_hubs_load(node->hubs, &out->operations, &out->waiting);
}

void lh_service_members(struct lh_node *node, struct lh_buf *out) {
  if (node->members == NULL) {
    struct lh_member_record record = {.run = {node->identity.id, node->epoch}};
    (void)snprintf(record.name, sizeof record.name, "%s", node->name);
    memcpy(record.labels, node->labels, sizeof record.labels);
    record.weight = node->weight;
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

void lh_service_info(struct lh_node *node, struct lh_buf *out) {
  static const char *const phases[] = {"starting", "ready", "leaving", "ended"};
  lh_write_map(out, node->allow_file != NULL ? 6 : 5);
  pair_text(out, "address", node->address);
  if (node->allow_file != NULL) pair_text(out, "allow_file", node->allow_file);
  pair_uint(out, "epoch", node->epoch);
  write_id(out, &node->identity.id);
  pair_text(out, "name", node->name);
  pair_text(out, "phase", phases[node->phase]);
}

// What it says to the others besides its name. The weight is encoded.
int lh_service_facts(struct lh_node *node, struct lh_bytes weight, struct lh_bytes labels) {
  struct lh_reader in;
  lh_reader_init_user(&in, weight);
  const uint32_t thousandths = (uint32_t)lh_read_uint(&in, LH_MEMBER_WEIGHT_MAX);
  if (in.err != LH_OK || labels.len > LH_MEMBER_LABELS_MAX || !lh_member_labels_good(labels))
    return LH_EINVAL;
  node->weight = thousandths;
  if (labels.len > 0) memcpy(node->labels, labels.data, labels.len);
  node->labels[labels.len] = '\0';
  lh_peers_record_changed(node);
  return LH_OK;
}
