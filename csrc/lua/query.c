// query.c - reads of the registry from Lua: local, without a lock, on whatever thread the caller
// runs.
//
// No read section spans a call of the Lua API (an error would leave it open): rows are referenced
// inside, encoded outside, and decoded at the end, so lists of many children cost one pass in C.
// Listings are sorted by id; of several instances the best comes first.
#include "lua/internal.h"

#include "base/mem.h"
#include "script/script.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

enum { INSTANCES_MAX = 256 };

struct query {
  struct lh_node *node;
  struct lh_registry *registry;
  int hub;  // negative: not known here
};

static bool begin(lua_State *L, struct query *query) {
  size_t len = 0;
  const char *hub = luaL_checklstring(L, 1, &len);
  query->node = lh_core_node(L);
  if (query->node == NULL) luaL_error(L, "no node runs in this process");
  lh_core_enter();
  query->registry = lh_node_registry(query->node);
  query->hub = lh_registry_hub_find(query->registry, lh_bytes(hub, len));
  return query->hub >= 0;
}

// Empty, which is nobody's id, for what is no string: whoever finds nothing checks what was asked.
static struct lh_bytes id_argument(lua_State *L, int arg) {
  size_t len = 0;
  const char *id = lua_type(L, arg) == LUA_TSTRING ? lua_tolstring(L, arg, &len) : "";
  return lh_bytes(id, len);
}

static int get_pid(lua_State *L) {
  struct query query;
  const struct lh_bytes id = id_argument(L, 2);
  if (!begin(L, &query)) return 0;
  lh_script_push_pid(L, lh_registry_pid(query.registry, (uint32_t)query.hub, id));
  return 1;
}

static int get_pids(lua_State *L) {
  struct query query;
  lh_pid pids[INSTANCES_MAX];
  size_t count = 0;
  const struct lh_bytes id = id_argument(L, 2);
  if (begin(L, &query)) {
    const struct lh_row *rows[INSTANCES_MAX];
    lh_registry_read_lock();
    const size_t found =
        lh_registry_find(query.registry, (uint32_t)query.hub, id, rows, INSTANCES_MAX);
    for (size_t i = 0; i < found && i < INSTANCES_MAX; i++) {
      if (rows[i]->pid != 0) pids[count++] = rows[i]->pid;
    }
    lh_registry_read_unlock();
  }
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lh_script_push_pid(L, pids[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int count_children(lua_State *L) {
  struct query query;
  const bool known = begin(L, &query);
  lua_pushinteger(L, known ? (lua_Integer)lh_registry_children(query.registry, (uint32_t)query.hub)
                           : 0);
  return 1;
}

// --- rows as Lua will see them ---
struct rows {
  const struct lh_row **items;
  size_t count, cap;
  uint32_t only_node;     // 0: all
  struct lh_bytes after;  // ids up to this one are left out
  struct lh_bytes key;    // only those whose metadata has it
};

// The value of a key in the metadata of a row; empty: it has none. Most rows that have it not are
// passed over without being read: the bytes of the key are nowhere in them.
static struct lh_bytes metadata_value(const struct lh_row *row, struct lh_bytes key) {
  struct lh_reader in;
  if (memmem(lh_row_metadata(row).data, row->metadata_len, key.data, key.len) == NULL)
    return lh_bytes(NULL, 0);
  lh_reader_init_user(&in, lh_row_metadata(row));
  const struct lh_wire_value head = lh_read_value(&in);
  for (uint32_t i = 0; head.type == LH_WIRE_MAP && i < head.as.count && in.err == LH_OK; i++) {
    const struct lh_bytes raw = lh_read_skip(&in);
    const struct lh_bytes value = lh_read_skip(&in);
    struct lh_reader name;
    lh_reader_init_user(&name, raw);
    if (lh_bytes_equal(lh_read_str(&name, LH_METADATA_MAX), key)) return value;
  }
  return lh_bytes(NULL, 0);
}

static bool gather(void *self, const struct lh_row *row) {
  struct rows *rows = self;
  if (rows->only_node != 0 && row->node != rows->only_node) return true;
  if (rows->key.len > 0 && metadata_value(row, rows->key).len == 0) return true;
  if (rows->after.len > 0 && lh_bytes_compare(lh_row_id(row), rows->after) <= 0) return true;
  if (rows->count == rows->cap) {
    rows->cap = rows->cap > 0 ? rows->cap * 2 : 256;
    rows->items = lh_realloc(rows->items, rows->cap * sizeof(struct lh_row *));
  }
  lh_row_ref(row);
  rows->items[rows->count++] = row;
  return true;
}

static void release(struct rows *rows) {
  for (size_t i = 0; i < rows->count; i++) lh_row_unref(rows->items[i]);
  lh_free(rows->items);
}

static int by_id(const void *a, const void *b) {
  const struct lh_row *x = *(const struct lh_row *const *)a;
  const struct lh_row *y = *(const struct lh_row *const *)b;
  const int order = lh_bytes_compare(lh_row_id(x), lh_row_id(y));
  if (order != 0) return order;
  if (x->active != y->active) return x->active ? -1 : 1;
  if (x->generation != y->generation) return x->generation > y->generation ? -1 : 1;
  return x->node < y->node ? -1 : x->node > y->node;
}

static void write_instance(const struct lh_row *row, const struct lh_runs *runs, bool whole,
                           struct lh_buf *out) {
  const bool has_pid = row->pid != 0;
  lh_write_map(out, 1U + has_pid + row->active + (whole ? 2U : 0U));
  if (row->active) {
    lh_write_cstr(out, "active");
    lh_write_bool(out, true);
  }
  if (whole) {
    lh_write_cstr(out, "generation");
    lh_write_uint(out, row->generation);
  }
  lh_write_cstr(out, "node");
  lh_write_cstr(out, lh_runs_name(runs, row->node));
  if (has_pid) {
    lh_write_cstr(out, "pid");
    lh_write_pid(out, lh_runs_at(runs, lh_pid_node(row->pid)), lh_pid_local(row->pid));
  }
  if (whole) {
    lh_write_cstr(out, "state");
    lh_write_cstr(out, lh_row_state_name(row->state));
  }
}

// The stored spec lacks the id, which stands in the row; the reader gets the spec as it was given.
static void write_spec(const struct lh_row *row, struct lh_buf *out) {
  struct lh_reader in;
  lh_reader_init_user(&in, lh_row_spec(row));
  const struct lh_wire_value head = lh_read_value(&in);
  const uint32_t fields = head.type == LH_WIRE_MAP ? head.as.count : 0;
  lh_write_map(out, fields + 1);
  lh_write_cstr(out, "id");
  lh_write_str(out, lh_row_id(row).data, lh_row_id(row).len);
  if (fields > 0) lh_buf_append(out, in.at, (size_t)(in.end - in.at));
}

static void write_metadata(const struct lh_row *row, struct lh_buf *out) {
  const struct lh_bytes metadata = lh_row_metadata(row);
  if (metadata.len > 0)
    lh_buf_append(out, metadata.data, metadata.len);
  else
    lh_write_map(out, 0);
}

// What is said of a child: with metadata and spec, with all of its instances' fields, with the
// value of a key of its metadata.
struct shown {
  bool dump, whole;
  struct lh_bytes key;
};

static void write_child(const struct lh_row *const *rows, size_t count, const struct lh_runs *runs,
                        const struct shown *shown, struct lh_buf *out) {
  lh_write_map(out, 2U + (shown->dump ? 2U : 0U) + (shown->key.len > 0 ? 1U : 0U));
  lh_write_cstr(out, "id");
  lh_write_str(out, lh_row_id(rows[0]).data, lh_row_id(rows[0]).len);
  lh_write_cstr(out, "instances");
  lh_write_array(out, (uint32_t)count);
  for (size_t i = 0; i < count; i++) write_instance(rows[i], runs, shown->whole, out);
  if (shown->key.len > 0) {
    const struct lh_bytes value = metadata_value(rows[0], shown->key);
    lh_write_cstr(out, "value");
    lh_buf_append(out, value.data, value.len);
  }
  if (!shown->dump) return;
  lh_write_cstr(out, "metadata");
  write_metadata(rows[0], out);
  lh_write_cstr(out, "spec");
  write_spec(rows[0], out);
}

static size_t same_id(const struct rows *rows, size_t at) {
  size_t end = at + 1;
  while (end < rows->count &&
         lh_bytes_equal(lh_row_id(rows->items[end]), lh_row_id(rows->items[at])))
    end++;
  return end - at;
}

// At most `limit` children; 0 is all.
static void write_all(struct rows *rows, const struct lh_runs *runs, bool dump, size_t limit,
                      struct lh_buf *out) {
  const struct shown shown = {.dump = dump, .key = rows->key};
  uint32_t children = 0;
  size_t end = 0;
  if (rows->count > 0) qsort(rows->items, rows->count, sizeof(struct lh_row *), by_id);
  for (; end < rows->count && (limit == 0 || children < limit); end += same_id(rows, end))
    children++;
  lh_write_array(out, children);
  for (size_t i = 0; i < end;) {
    const size_t count = same_id(rows, i);
    write_child(&rows->items[i], count, runs, &shown, out);
    i += count;
  }
}

static int push_decoded(lua_State *L, const struct lh_buf *out, struct lh_runs *runs) {
  if (lh_value_decode(L, lh_bytes_of(out), 1, runs) != 1)
    return lh_script_fail(L, "limit",
                          "the listing is too large for one answer; use limit and after");
  return 1;
}

// lookup(hub, id) -> child | nil
static int lookup(lua_State *L) {
  struct query query;
  const struct lh_bytes id = id_argument(L, 2);
  if (!begin(L, &query)) return 0;
  struct rows rows = {0};
  const struct lh_row *found[INSTANCES_MAX];
  lh_registry_read_lock();
  const size_t count =
      lh_registry_find(query.registry, (uint32_t)query.hub, id, found, INSTANCES_MAX);
  for (size_t i = 0; i < count && i < INSTANCES_MAX; i++) (void)gather(&rows, found[i]);
  lh_registry_read_unlock();
  struct lh_buf out = LH_BUF_EMPTY;
  const struct shown shown = {.dump = true, .whole = true};
  if (rows.count > 0) write_child(rows.items, rows.count, lh_node_runs(query.node), &shown, &out);
  release(&rows);
  if (out.len == 0) return 0;
  *lh_core_buffer(L) = out;
  return push_decoded(L, &out, lh_node_runs(query.node));
}

struct list_options {
  bool local, dump;
  lua_Integer limit;
  struct lh_bytes after, tag, key;
};

static struct lh_bytes text_field(lua_State *L, int table, const char *name) {
  size_t len = 0;
  lua_getfield(L, table, name);
  const char *text = lua_tolstring(L, -1, &len);
  return lh_bytes(text, len);  // the value stays on the stack
}

static void read_options(lua_State *L, struct list_options *options) {
  *options = (struct list_options){.limit = 0};
  if (!lua_istable(L, 2)) return;
  options->local = lh_bytes_equal(text_field(L, 2, "scope"), lh_bytes_str("local"));
  options->after = text_field(L, 2, "after");
  options->tag = text_field(L, 2, "tag");
  options->key = text_field(L, 2, "key");
  lua_getfield(L, 2, "limit");
  options->limit = luaL_optinteger(L, -1, 0);
  lua_getfield(L, 2, "dump");
  options->dump = lua_toboolean(L, -1);
}

static void gather_all(const struct query *query, const struct list_options *options,
                       struct rows *rows) {
  const uint32_t hub = (uint32_t)query->hub;
  rows->after = options->after;
  rows->key = options->key;
  if (options->local) rows->only_node = lh_node_self(query->node);
  if (options->tag.data != NULL) {
    lh_registry_scan_tag(query->registry, hub, options->tag, gather, rows);
  } else if (options->limit > 0 && !options->local) {
    (void)lh_registry_page(query->registry, hub, options->after, (size_t)options->limit, gather,
                           rows);
  } else {
    lh_registry_scan(query->registry, hub, gather, rows);
  }
}

// list(hub, { scope, limit, after, tag, key, dump }) -> list of children sorted by id
static int list(lua_State *L) {
  struct query query;
  struct list_options options;
  struct rows rows = {0};
  const bool known = begin(L, &query);
  read_options(L, &options);
  if (known) gather_all(&query, &options, &rows);
  struct lh_buf out = LH_BUF_EMPTY;
  write_all(&rows, lh_node_runs(query.node), options.dump, (size_t)options.limit, &out);
  release(&rows);
  *lh_core_buffer(L) = out;
  return push_decoded(L, &out, lh_node_runs(query.node));
}

void lh_core_open_query(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"count", count_children}, {"get_pid", get_pid}, {"get_pids", get_pids}, {"list", list},
      {"lookup", lookup},        {NULL, NULL},
  };
  luaL_setfuncs(L, functions, 0);
}
