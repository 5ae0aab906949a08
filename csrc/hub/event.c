// event.c - what happened, told to those hooks that want to know it. Nothing is encoded when nobody
// wants it.
//
// Payloads are maps, as doc/manual.md lists them under each key.
#include "hub/quorum.h"

static bool wanted(struct hub *hub, const char *key) {
  return hub->all->ops->wants(hub->all->ops_self, hub->config.id, key);
}

static void emit(struct hub *hub, const char *key, struct lh_buf *payload) {
  hub->all->ops->event(hub->all->ops_self, hub->config.id, key, lh_bytes_of(payload));
  lh_buf_free(payload);
}

static struct lh_bytes id_of(const struct child *child) {
  return lh_bytes(child->id, child->id_len);
}

static void pair_text(struct lh_buf *out, const char *key, const char *text) {
  lh_write_cstr(out, key);
  lh_write_cstr(out, text);
}

static void pair_count(struct lh_buf *out, const char *key, uint32_t count) {
  lh_write_cstr(out, key);
  lh_write_uint(out, count);
}

static void pair_pid(struct hub *hub, struct lh_buf *out, lh_pid pid) {
  lh_write_cstr(out, "pid");
  lh_write_pid(out, lh_runs_at(hub->all->runs, lh_pid_node(pid)), lh_pid_local(pid));
}

static void pair_ids(struct lh_buf *out, const char *key, const struct arrival *arrivals,
                     size_t count) {
  lh_write_cstr(out, key);
  lh_write_array(out, (uint32_t)count);
  for (size_t i = 0; i < count; i++) lh_write_str(out, arrivals[i].id.data, arrivals[i].id.len);
}

// --- children ---
void lh_event_child(struct hub *hub, const char *key, struct lh_bytes id, uint32_t node,
                    lh_pid pid) {
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, pid != 0 ? 2 : 1);
  lh_write_cstr(&payload, "child_id");
  lh_write_str(&payload, id.data, id.len);
  if (pid != 0) {
    lh_write_cstr(&payload, "node_pids");
    lh_write_array(&payload, 1);
    lh_write_map(&payload, 2);
    pair_text(&payload, "node", lh_runs_name(hub->all->runs, node));
    pair_pid(hub, &payload, pid);
  }
  emit(hub, key, &payload);
}

// Results of starts are told together: those of a turn, or of so many as one request may carry.
static void tell_results(struct hub *hub) {
  struct lh_buf payload = LH_BUF_EMPTY;
  if (hub->result_count == 0) return;
  lh_write_map(&payload, 1);
  lh_write_cstr(&payload, "children");
  lh_write_array(&payload, hub->result_count);
  lh_buf_append(&payload, hub->results.data, hub->results.len);
  lh_buf_free(&hub->results);
  hub->result_count = 0;
  emit(hub, "post_children_start", &payload);
}

static void note_result(struct child *child, const char *error) {
  struct hub *hub = child->hub;
  struct lh_buf *out = &hub->results;
  if (!wanted(hub, "post_children_start")) return;
  lh_write_map(out, 4);
  lh_write_cstr(out, "child_id");
  lh_write_str(out, child->id, child->id_len);
  pair_text(out, "node", hub->all->name);
  pair_text(out, "result", error == NULL ? "ok" : "child_failed");
  if (error == NULL)
    pair_pid(hub, out, child->pid);
  else
    pair_text(out, "message", error);
  if (++hub->result_count == LH_START_PART || out->len >= LIST_BYTES_MAX) tell_results(hub);
}

static void tell_new_pid(struct child *child) {
  static const char key[] = "child_pid_updated";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(child->hub, key)) return;
  lh_write_map(&payload, 3);
  lh_write_cstr(&payload, "child_id");
  lh_write_str(&payload, child->id, child->id_len);
  pair_text(&payload, "node", child->hub->all->name);
  pair_pid(child->hub, &payload, child->pid);
  emit(child->hub, key, &payload);
}

void lh_event_started(struct child *child) {
  note_result(child, NULL);
  if (child->restarts > 0) tell_new_pid(child);
  lh_event_child(child->hub, "child_registered", id_of(child), child->hub->all->self, child->pid);
}

void lh_event_failed(struct child *child, const char *error) {
  note_result(child, error != NULL ? error : "no reason was given");
}

static void tell_handover(struct child *child, uint32_t to) {
  static const char key[] = "handover_delivered";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(child->hub, key)) return;
  lh_write_map(&payload, 2);
  lh_write_cstr(&payload, "child_ids");
  lh_write_array(&payload, 1);
  lh_write_str(&payload, child->id, child->id_len);
  pair_text(&payload, "target_node", lh_runs_name(child->hub->all->runs, to));
  emit(child->hub, key, &payload);
}

void lh_event_moved(struct child *child, uint32_t to, bool hot) {
  static const char key[] = "migration_completed";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (hot) tell_handover(child, to);
  if (!wanted(child->hub, key)) return;
  lh_write_map(&payload, 2);
  lh_write_cstr(&payload, "children");
  lh_write_array(&payload, 1);
  lh_write_str(&payload, child->id, child->id_len);
  lh_write_cstr(&payload, "nodes");
  lh_write_array(&payload, 1);
  lh_write_cstr(&payload, lh_runs_name(child->hub->all->runs, to));
  emit(child->hub, key, &payload);
}

// --- requests ---
static const char forwarded_key[] = "children_forwarded";

void lh_event_arrivals(struct hub *hub, const struct arrival *arrivals, size_t count) {
  static const char key[] = "pre_children_start";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 1);
  pair_ids(&payload, "children", arrivals, count);
  emit(hub, key, &payload);
}

// The ids of `count` children follow.
static void write_forward(struct hub *hub, struct lh_buf *out, uint32_t to, const char *request,
                          uint32_t count) {
  lh_write_map(out, 1);
  lh_write_cstr(out, "forwards");
  lh_write_array(out, 1);
  lh_write_map(out, 3);
  pair_text(out, "node", lh_runs_name(hub->all->runs, to));
  pair_text(out, "request", request);
  lh_write_cstr(out, "children");
  lh_write_array(out, count);
}

void lh_event_start_forwarded(struct hub *hub, const struct arrival *arrivals,
                              const uint32_t *owners, size_t count, uint32_t to) {
  struct lh_buf payload = LH_BUF_EMPTY;
  uint32_t forwarded = 0;
  if (!wanted(hub, forwarded_key)) return;
  for (size_t i = 0; i < count; i++) forwarded += owners[i] == to;
  if (forwarded == 0) return;
  write_forward(hub, &payload, to, "start", forwarded);
  for (size_t i = 0; i < count; i++) {
    if (owners[i] == to) lh_write_str(&payload, arrivals[i].id.data, arrivals[i].id.len);
  }
  emit(hub, forwarded_key, &payload);
}

void lh_event_stop_forwarded(struct hub *hub, struct lh_bytes id, uint32_t to) {
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, forwarded_key)) return;
  write_forward(hub, &payload, to, "stop", 1);
  lh_write_str(&payload, id.data, id.len);
  emit(hub, forwarded_key, &payload);
}

// --- members and turns ---
static bool has_hub(const struct lh_member_record *record, const struct hub *hub) {
  for (uint32_t i = 0; i < record->hub_count; i++) {
    if (lh_bytes_equal(lh_bytes_str(record->hubs[i].id), hub->config.id)) return true;
  }
  return false;
}

static void tell_member(struct hub *hub, const char *key, const char *name) {
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 1);
  pair_text(&payload, "node", name);
  emit(hub, key, &payload);
}

static void tell_redistribution(struct hub *hub, const char *key, const char *what) {
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 2);
  pair_text(&payload, "event", what);
  lh_write_cstr(&payload, "nodes");
  lh_write_array(&payload, (uint32_t)hub->candidate_count);
  for (size_t i = 0; i < hub->candidate_count; i++)
    lh_write_cstr(&payload, hub->candidates[i].name);
  emit(hub, key, &payload);
}

void lh_event_children(struct hub *hub, const char *what, const char *node,
                       const struct lh_bytes *ids, size_t count) {
  static const char key[] = "pre_children_redistribution";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (count == 0 || !wanted(hub, key)) return;
  lh_write_map(&payload, 3);
  lh_write_cstr(&payload, "children");
  lh_write_array(&payload, (uint32_t)count);
  for (size_t i = 0; i < count; i++) lh_write_str(&payload, ids[i].data, ids[i].len);
  pair_text(&payload, "event", what);
  pair_text(&payload, "node", node);
  emit(hub, key, &payload);
}

// A node comes to a hub when its record first names it, which may be long after the node was first
// seen.
void lh_event_member_changes(struct lh_hubs *hubs, uint32_t node,
                             const struct lh_member_record *record, bool lives,
                             struct hub_changes *changes) {
  const struct peer *peer = lh_view_find(hubs, node);
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    const bool had = peer != NULL && lh_view_runs(peer, hub->index);
    const bool has = lives && has_hub(record, hub);
    const enum hub_change joined = lh_away_is(hub, &record->run.id) ? HUB_RETURNED : HUB_JOINED;
    changes->of[i] = node == hubs->self || had == has ? HUB_SAME : has ? joined : HUB_LEFT;
    if (changes->of[i] == HUB_SAME) continue;
    tell_member(hub, has ? "pre_node_join" : "pre_node_leave", record->name);
  }
}

void lh_event_member_changed(struct lh_hubs *hubs, const struct lh_member_record *record, bool died,
                             const struct hub_changes *changes) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    if (changes->of[i] == HUB_SAME) continue;
    const bool joined = changes->of[i] != HUB_LEFT;
    tell_member(hub, joined ? "post_node_join" : "post_node_leave", record->name);
    if (!joined && died) tell_member(hub, "node_lost", record->name);
    if (changes->of[i] == HUB_RETURNED) tell_member(hub, "node_returned", record->name);
    hub->redistribution = joined ? "node_join" : "node_leave";
    tell_redistribution(hub, "pre_redistribution", hub->redistribution);
  }
}

void lh_event_reconciled(struct hub *hub, const struct reconcile_figures *figures) {
  static const char key[] = "reconcile_round";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 4);
  pair_count(&payload, "candidates", figures->candidates);
  pair_count(&payload, "orphans", figures->orphans);
  pair_count(&payload, "skipped_pending", figures->under_way);
  pair_count(&payload, "started", figures->started);
  emit(hub, key, &payload);
}

// Whether this side may act in the hub is another answer than before.
void lh_event_quorum(struct hub *hub) {
  const char *key = hub->partitioned ? "quorum_lost" : "quorum_regained";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, lh_quorum_is_set(hub) ? 2 : 1);
  if (lh_quorum_is_set(hub)) {
    lh_write_cstr(&payload, "needed");
    lh_write_uint(&payload, lh_quorum_needed(hub));
  }
  lh_write_cstr(&payload, "nodes");
  lh_hubs_nodes(hub->all, hub->config.id, true, &payload);
  emit(hub, key, &payload);
}

void lh_event_shutdown(struct hub *hub, const char *reason) {
  static const char key[] = "coordinator_shutdown";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 1);
  pair_text(&payload, "reason", reason);
  emit(hub, key, &payload);
}

void lh_event_put_off(struct hub *hub, struct lh_bytes ids, uint32_t count) {
  static const char key[] = "migration_deferred";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 1);
  lh_write_cstr(&payload, "child_ids");
  lh_write_array(&payload, count);
  lh_buf_append(&payload, ids.data, ids.len);
  emit(hub, key, &payload);
}

void lh_event_drained(struct hub *hub, size_t moved, size_t forced) {
  static const char key[] = "drain_completed";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 2);
  lh_write_cstr(&payload, "forced");
  lh_write_uint(&payload, forced);
  lh_write_cstr(&payload, "moved");
  lh_write_uint(&payload, moved);
  emit(hub, key, &payload);
}

static void tell_lock(struct hub *hub, bool locked) {
  static const char key[] = "priority_state_updated";
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 1);
  lh_write_cstr(&payload, "locked");
  lh_write_bool(&payload, locked);
  emit(hub, key, &payload);
}

void lh_event_turn(struct lh_hubs *hubs) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    tell_results(hub);
    const bool locked = lh_hubs_state(hubs, hub->config.id).locked;
    if (locked != hub->was_locked) tell_lock(hub, locked);
    hub->was_locked = locked;
    if (locked || hub->redistribution == NULL) continue;
    tell_redistribution(hub, "post_redistribution", hub->redistribution);
    hub->redistribution = NULL;
  }
}
