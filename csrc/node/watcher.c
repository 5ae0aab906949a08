// watcher.c - actors of this node that watch the registry: each change of a row is a message to
// them.
//
// At most LH_WATCH_AHEAD_MAX messages of a watch are unread. Changes beyond that are not told, but
// counted, until half of the messages were read: then one message says that changes were lost. The
// registry here is never older than what was told, so whoever lost some asks it.
//
//   TELLING --too many unread--> LOSING --half of them read, "lost" is told--> TELLING
//
// Owns the watches. Protocol thread, but for lh_node_watched.
#include "node/request.h"

#include "base/mem.h"

enum { SERIAL_MASK = INT32_MAX, SLOT_BITS = 8, REF_BIT = 60, LOOK_MS = 20, ROWS_AT_ONCE = 64 };

struct watch {
  lh_pid pid;
  uint64_t ref;
  uint32_t hub;
  uint32_t sent;
  bool losing;
  struct lh_buf id, tag;  // empty: any
};

// --- what was read --- a slot's number of messages read, below the serial of its watch
void lh_node_watched(struct lh_node *node, uint64_t ref) {
  const uint64_t serial = (ref >> SLOT_BITS) & SERIAL_MASK;
  atomic_uint_fast64_t *slot = &node->watch_read[ref & (LH_WATCHES_MAX - 1)];
  uint_fast64_t was = atomic_load(slot);
  while (was >> 32 == serial) {
    const uint_fast64_t is = (was & ~(uint64_t)UINT32_MAX) | (uint32_t)(was + 1);
    if (atomic_compare_exchange_weak(slot, &was, is)) return;
  }
}

static uint32_t unread(const struct lh_node *node, const struct watch *watch) {
  return watch->sent - (uint32_t)atomic_load(&node->watch_read[watch->ref & (LH_WATCHES_MAX - 1)]);
}

// --- telling ---
static void post(struct lh_node *node, struct watch *watch, const struct lh_buf *body) {
  watch->sent++;
  lh_actors_deliver(node->actors, lh_msg_new(LH_MSG_WATCH, watch->pid, lh_pid_make(node->self, 0),
                                             watch->ref, lh_bytes_of(body)));
}

static void write_head(const struct lh_node *node, const struct watch *watch, uint32_t fields,
                       const char *change, struct lh_buf *out) {
  const struct lh_bytes hub = lh_registry_hub_id(node->registry, watch->hub);
  lh_write_map(out, 4 + fields);
  lh_write_cstr(out, "change");
  lh_write_cstr(out, change);
  lh_write_cstr(out, "hub");
  lh_write_str(out, hub.data, hub.len);
  lh_write_cstr(out, "ref");
  lh_write_uint(out, watch->ref);
  lh_write_cstr(out, "type");
  lh_write_cstr(out, "watch");
}

static void write_row(const struct lh_node *node, const struct lh_row *row, bool is_there,
                      struct lh_buf *out) {
  const struct lh_bytes metadata = lh_row_metadata(row);
  lh_write_cstr(out, "generation");
  lh_write_uint(out, row->generation);
  lh_write_cstr(out, "id");
  lh_write_str(out, lh_row_id(row).data, lh_row_id(row).len);
  lh_write_cstr(out, "metadata");
  if (metadata.len > 0)
    lh_buf_append(out, metadata.data, metadata.len);
  else
    lh_write_map(out, 0);
  lh_write_cstr(out, "node");
  lh_write_cstr(out, lh_runs_name(node->runs, row->node));
  lh_write_cstr(out, "state");
  lh_write_cstr(out, is_there ? lh_row_state_name(row->state) : "gone");
  if (row->pid == 0 || !is_there) return;
  lh_write_cstr(out, "pid");
  lh_write_pid(out, lh_runs_at(node->runs, lh_pid_node(row->pid)), lh_pid_local(row->pid));
}

static void begin_losing(struct lh_node *node, struct watch *watch) {
  watch->losing = true;
  const lh_ms at = lh_env_now(node->env) + LOOK_MS;
  if (at < node->watch_at) node->watch_at = at;
  lh_node_touch(node);
}

static void tell(struct lh_node *node, struct watch *watch, const char *change,
                 const struct lh_row *row, bool is_there) {
  if (!watch->losing && unread(node, watch) >= LH_WATCH_AHEAD_MAX) begin_losing(node, watch);
  if (watch->losing) {
    node->counters.watch_lost++;
    return;
  }
  struct lh_buf body = LH_BUF_EMPTY;
  write_head(node, watch, row->pid != 0 && is_there ? 6 : 5, change, &body);
  write_row(node, row, is_there, &body);
  post(node, watch, &body);
  lh_buf_free(&body);
}

// --- which changes, and for whom ---
static bool has_tag(const struct lh_row *row, struct lh_bytes tag) {
  return row != NULL && lh_bytes_equal(text_field(lh_row_metadata(row), "tag"), tag);
}

static bool wants(const struct watch *watch, const struct lh_row *before,
                  const struct lh_row *after) {
  const struct lh_row *row = after != NULL ? after : before;
  if (row->hub != watch->hub) return false;
  if (watch->id.len > 0) return lh_bytes_equal(lh_row_id(row), lh_bytes_of(&watch->id));
  if (watch->tag.len == 0) return true;
  return has_tag(before, lh_bytes_of(&watch->tag)) || has_tag(after, lh_bytes_of(&watch->tag));
}

static const char *change_of(const struct lh_row *before, const struct lh_row *after) {
  const lh_pid was = before != NULL ? before->pid : 0;
  const lh_pid is = after != NULL ? after->pid : 0;
  if (is == 0) return was != 0 ? "stopped" : NULL;
  if (is != was) return "started";
  return lh_bytes_equal(lh_row_metadata(before), lh_row_metadata(after)) ? NULL : "changed";
}

void lh_watcher_row(struct lh_node *node, const struct lh_row *before, const struct lh_row *after) {
  if (node->watch_count == 0) return;
  const char *change = change_of(before, after);
  if (change == NULL) return;
  for (size_t i = 0; i < LH_WATCHES_MAX; i++) {
    struct watch *watch = node->watches[i];
    if (watch != NULL && wants(watch, before, after))
      tell(node, watch, change, after != NULL ? after : before, after != NULL);
  }
}

struct turn {
  struct lh_node *node;
  bool is_live;
};

static bool turn_row(void *self, const struct lh_row *row) {
  const struct turn *turn = self;
  lh_watcher_row(turn->node, turn->is_live ? NULL : row, turn->is_live ? row : NULL);
  return true;
}

void lh_watcher_turned(struct lh_node *node, uint32_t ledger, bool is_live) {
  struct turn turn = {node, is_live};
  if (node->watch_count == 0) return;
  lh_registry_read_lock();
  lh_registry_each(node->registry, ledger, turn_row, &turn);
  lh_registry_read_unlock();
}

void lh_watcher_ordered(struct lh_node *node, uint32_t hub, struct lh_bytes id, uint64_t born) {
  const struct lh_row *rows[ROWS_AT_ONCE];
  if (node->watch_count == 0) return;
  lh_registry_read_lock();
  const size_t count = lh_registry_all(node->registry, hub, id, rows, ROWS_AT_ONCE);
  for (size_t i = 0; i < count && i < ROWS_AT_ONCE; i++) {
    if (rows[i]->born <= born) lh_watcher_row(node, rows[i], NULL);
  }
  lh_registry_read_unlock();
}

// --- losing, and going on ---
void lh_watcher_lose_all(struct lh_node *node) {
  for (size_t i = 0; i < LH_WATCHES_MAX; i++) {
    if (node->watches[i] != NULL) begin_losing(node, node->watches[i]);
  }
}

void lh_watcher_tick(struct lh_node *node, lh_ms now) {
  bool any = false;
  if (now < node->watch_at) return;
  for (size_t i = 0; i < LH_WATCHES_MAX; i++) {
    struct watch *watch = node->watches[i];
    if (watch == NULL || !watch->losing) continue;
    watch->losing = unread(node, watch) > LH_WATCH_AHEAD_MAX / 2;
    any = any || watch->losing;
    if (watch->losing) continue;
    struct lh_buf body = LH_BUF_EMPTY;
    write_head(node, watch, 0, "lost", &body);
    post(node, watch, &body);
    lh_buf_free(&body);
  }
  node->watch_at = any ? now + LOOK_MS : LH_NEVER;
}

lh_ms lh_watcher_due(const struct lh_node *node) { return node->watch_at; }

// --- beginning and ending ---
static void monitor(struct lh_node *node, const struct watch *watch, enum lh_msg_kind kind) {
  lh_actors_deliver(node->actors, lh_msg_new(kind, watch->pid, lh_pid_make(node->self, 0),
                                             watch->ref, lh_bytes(NULL, 0)));
}

static uint64_t begin(struct lh_node *node, lh_pid pid, struct lh_bytes hub, struct lh_bytes id,
                      struct lh_bytes tag) {
  const uint32_t index = lh_registry_hub(node->registry, hub);
  size_t slot = 0;
  while (slot < LH_WATCHES_MAX && node->watches[slot] != NULL) slot++;
  if (slot == LH_WATCHES_MAX || index == 0) return 0;
  struct watch *watch = LH_NEW(struct watch);
  const uint64_t serial = (atomic_load(&node->watch_read[slot]) >> 32) + 1;
  atomic_store(&node->watch_read[slot], (serial & SERIAL_MASK) << 32);
  watch->ref = UINT64_C(1) << REF_BIT | (serial & SERIAL_MASK) << SLOT_BITS | slot;
  watch->pid = pid;
  watch->hub = index;
  lh_buf_append(&watch->id, id.data, id.len);
  lh_buf_append(&watch->tag, tag.data, tag.len);
  node->watches[slot] = watch;
  node->watch_count++;
  monitor(node, watch, LH_MSG_MONITOR);
  return watch->ref;
}

static void forget(struct lh_node *node, size_t slot) {
  struct watch *watch = node->watches[slot];
  node->watches[slot] = NULL;
  node->watch_count--;
  lh_buf_free(&watch->id);
  lh_buf_free(&watch->tag);
  lh_free(watch);
}

bool lh_watcher_end(struct lh_node *node, lh_pid pid, uint64_t ref) {
  const size_t slot = ref & (LH_WATCHES_MAX - 1);
  struct watch *watch = node->watches[slot];
  if (watch == NULL || watch->ref != ref) return false;
  if (pid != 0 && watch->pid != pid) return false;
  if (pid != 0) monitor(node, watch, LH_MSG_DEMONITOR);
  forget(node, slot);
  return true;
}

void lh_watcher_ask(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  const struct lh_bytes value = request->value;
  const uint64_t ref = begin(request->node, request->caller.from, text_field(value, "hub"),
                             text_field(value, "id"), text_field(value, "tag"));
  if (ref == 0) {
    fail(request, "limit", "more than 256 watches on this node");
    return;
  }
  lh_write_uint(&out, ref);
  answer_buf(request, &out);
}

void lh_watcher_cancel(struct request *request) {
  struct lh_reader in;
  lh_reader_init_user(&in, field(request->value, "ref"));
  if (lh_watcher_end(request->node, request->caller.from, lh_read_uint(&in, UINT64_MAX)))
    answer_true(request);
  else
    fail(request, "not_found", "this process has no such watch");
}

void lh_watcher_free(struct lh_node *node) {
  for (size_t i = 0; i < LH_WATCHES_MAX; i++) {
    if (node->watches[i] != NULL) forget(node, i);
  }
}
