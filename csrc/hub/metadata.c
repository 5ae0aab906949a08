// metadata.c - changing a child's metadata while it runs.
//
// A request comes to the child's host, which alone writes its row: what is to change is merged
// there, so that two who change different keys lose nothing. It is answered as a start of one child
// is: when all members hold the row, or at its deadline. It owns nothing.
//
// Of a replicated child each host is asked, the first instance's before the others; what two who
// change it at once leave different on the others becomes what the first has (lh_metadata_follow).
#include "hub/internal.h"

#include "base/mem.h"

struct wish {
  struct lh_bytes hub, id;
  struct lh_bytes set, remove;  // a map, a list of keys; empty: nothing
  bool replace;                 // what is not set goes
  lh_ms timeout;
};

static bool is(struct lh_bytes text, const char *word) {
  return lh_bytes_equal(text, lh_bytes_str(word));
}

static int read_wish(struct wish *wish, struct lh_bytes value) {
  struct lh_reader in;
  *wish = (struct wish){.timeout = LH_OP_MS};
  lh_reader_init_user(&in, value);
  const uint32_t count = lh_read_map(&in, 16);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, 64);
    if (is(key, "hub"))
      wish->hub = lh_read_str(&in, LH_HUB_ID_MAX);
    else if (is(key, "id"))
      wish->id = lh_read_str(&in, LH_CHILD_ID_MAX);
    else if (is(key, "set"))
      wish->set = lh_read_skip(&in);
    else if (is(key, "remove"))
      wish->remove = lh_read_skip(&in);
    else if (is(key, "replace"))
      wish->replace = lh_read_bool(&in);
    else if (is(key, "timeout"))
      wish->timeout = (lh_ms)lh_read_uint(&in, 24 * 3600 * 1000);
    else
      (void)lh_read_skip(&in);
  }
  return lh_read_end(&in);
}

// Whether an encoded key is among those of a map, or the values of a list. Equal keys are encoded
// alike.
static bool has(struct lh_bytes container, struct lh_bytes key) {
  struct lh_reader in;
  bool found = false;
  lh_reader_init_user(&in, container);
  const struct lh_wire_value head = lh_read_value(&in);
  const bool map = head.type == LH_WIRE_MAP;
  const uint32_t count = map || head.type == LH_WIRE_ARRAY ? head.as.count : 0;
  for (uint32_t i = 0; i < count && in.err == LH_OK && !found; i++) {
    found = lh_bytes_equal(lh_read_skip(&in), key);
    if (map) (void)lh_read_skip(&in);
  }
  return found;
}

// Appends the entries of a map but those that the wish sets or removes. Answers how many.
static uint32_t append(struct lh_bytes map, const struct wish *wish, struct lh_buf *out) {
  struct lh_reader in;
  uint32_t kept = 0;
  lh_reader_init_user(&in, map);
  const struct lh_wire_value head = lh_read_value(&in);
  for (uint32_t i = 0; head.type == LH_WIRE_MAP && i < head.as.count && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_skip(&in);
    const struct lh_bytes value = lh_read_skip(&in);
    if (wish != NULL && (has(wish->set, key) || has(wish->remove, key))) continue;
    lh_buf_append(out, key.data, key.len);
    lh_buf_append(out, value.data, value.len);
    kept++;
  }
  return kept;
}

static void merge(const struct wish *wish, struct lh_bytes old, struct lh_buf *out) {
  struct lh_buf entries = LH_BUF_EMPTY;
  uint32_t count = wish->replace ? 0 : append(old, wish, &entries);
  count += append(wish->set, NULL, &entries);
  lh_write_map(out, count);
  lh_buf_append(out, entries.data, entries.len);
  lh_buf_free(&entries);
}

// The child's row with other metadata, and the child told. Answers the row's sequence, 0: refused.
static uint64_t put(struct child *child, const struct lh_row *row, struct lh_bytes metadata) {
  struct lh_hubs *hubs = child->hub->all;
  if (lh_bytes_equal(lh_row_metadata(row), metadata)) return row->seq;
  const struct lh_row_in changed = {
      .hub = row->hub,
      .id = lh_row_id(row),
      .spec = lh_row_spec(row),
      .metadata = metadata,
      .generation = row->generation,
      .born = row->born,
      .pid_local = row->pid != 0 ? lh_pid_local(row->pid) : 0,
      .state = row->state,
      .restarts = row->restarts,
      .pinned = row->pinned,
      .active = row->active,
  };
  const uint64_t seq = lh_registry_put(hubs->registry, &changed);
  if (seq != 0) hubs->ops->describe(hubs->ops_self, child->pid, metadata);
  return seq;
}

// 0: it is refused.
static uint64_t put_merged(struct child *child, const struct wish *wish, struct lh_error *error) {
  struct lh_buf metadata = LH_BUF_EMPTY;
  uint64_t seq = 0;
  lh_registry_read_lock();
  const struct lh_row *row = lh_host_row(child);
  merge(wish, row != NULL ? lh_row_metadata(row) : lh_bytes(NULL, 0), &metadata);
  if (row != NULL && lh_hub_metadata_check(lh_bytes_of(&metadata), lh_row_id(row), error) == LH_OK)
    seq = put(child, row, lh_bytes_of(&metadata));
  lh_registry_read_unlock();
  lh_buf_free(&metadata);
  return seq;
}

// In a read section.
void lh_metadata_follow(struct child *child, const struct lh_row *first) {
  const struct lh_row *row = lh_host_row(child);
  if (row == NULL || child->phase != PHASE_RUNNING || first->born != row->born) return;
  (void)put(child, row, lh_row_metadata(first));
}

static void wait_for_all(struct child *child, lh_ms now, uint64_t caller, const struct wish *wish,
                         uint64_t seq) {
  struct lh_hubs *hubs = child->hub->all;
  struct op *op = lh_op_new(hubs, now, OP_START, child->hub, caller, wish->timeout);
  lh_buf_append(&op->memory, child->id, child->id_len);
  op->items = lh_zalloc(sizeof(struct item));
  op->items[0].id = lh_bytes_of(&op->memory);
  op->count = op->open = op->unsent = 1;
  op->seen = 1;  // of a replicated child: its other instances are asked by themselves
  op->acknowledged = ACK_ALL;
  lh_op_wait(op, hubs->self, seq);
  lh_op_done_item(op, 0, hubs->self, child->pid);
}

void lh_hubs_describe(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes value) {
  struct wish wish;
  struct lh_error error = {.code = "limit", .text = "the registry takes no more rows"};
  if (read_wish(&wish, value) != LH_OK) {
    lh_op_refuse(hubs, caller, LH_EINVAL, "invalid", "describe: expected { hub, id, set }");
    return;
  }
  struct hub *hub = lh_op_open_hub(hubs, caller, wish.hub);
  if (hub == NULL) return;
  struct child *child = lh_host_child(hub, wish.id);
  if (child == NULL || child->phase != PHASE_RUNNING || !child->claimed) {
    lh_op_refuse(hubs, caller, LH_EAGAIN, "not_here", "no child '%.*s' runs on that node just now",
                 (int)wish.id.len, (const char *)wish.id.data);
    return;
  }
  const uint64_t seq = put_merged(child, &wish, &error);
  if (seq == 0)
    lh_op_refuse(hubs, caller, LH_EINVAL, error.code, "%s", error.text);
  else
    wait_for_all(child, now, caller, &wish, seq);
}
