// encode.c - Lua values to bytes.
//
// A table is looked at twice: once at its keys (a sequence becomes an array, the count stands in
// front), once to write it. The pairs of a map are written as Lua has them and put in order
// afterwards, by moving their bytes: no lookups, and nothing on the Lua stack. An error value is a
// map whose first pair is nil = true, which no Lua table can have.
//
// Uses no function of Lua that allocates or raises but lua_checkstack, which answers.
#include "script/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "script/path.h"
#include "wire/wire.h"

enum { FEW_PAIRS = 16 };

struct encoder {
  lua_State *L;
  struct lh_buf *out;
  size_t max;         // bytes of the value
  size_t end;         // the length that `out` may reach
  uint32_t elements;  // that may still follow, by the reader's limit
  const struct lh_runs *runs;
  struct lh_error *error;
  struct script_path path;
};

// A written pair: bytes [start, end) of the output.
struct pair {
  struct script_key key;
  size_t start, end;
};

static int encode(struct encoder *encoder, int index);

static int too_large(struct encoder *encoder) {
  return lh_script_path_fail(&encoder->path, encoder->error, LH_ELIMIT,
                             "too large to be sent: %zu bytes at most", encoder->max);
}

static int too_many(struct encoder *encoder) {
  return lh_script_path_fail(&encoder->path, encoder->error, LH_ELIMIT,
                             "too large to be sent: %d values in tables at most",
                             LH_WIRE_ELEMENTS_USER);
}

static int encode_string(struct encoder *encoder, int index) {
  size_t len;
  const char *string = lua_tolstring(encoder->L, index, &len);
  if (len >= encoder->end || encoder->out->len > encoder->end - len) return too_large(encoder);
  lh_write_str(encoder->out, string, len);
  return 0;
}

static int encode_pid(struct encoder *encoder, int index) {
  const lh_pid pid = lh_script_to_pid(encoder->L, index);
  if (pid == 0) return lh_script_path_refuse(&encoder->path, encoder->error, encoder->L, index);
  const struct lh_run *run =
      encoder->runs == NULL ? NULL : lh_runs_at(encoder->runs, lh_pid_node(pid));
  if (run == NULL) {
    return lh_script_path_fail(&encoder->path, encoder->error, LH_EINVAL,
                               "a pid of an unknown node");
  }
  lh_write_pid(encoder->out, run, lh_pid_local(pid));
  return 0;
}

// --- the keys of a table ---
struct shape {
  size_t count;
  bool sequence;  // the keys are 1 to count
};

// Leaves a bad key's place in the path.
static int look(struct encoder *encoder, int table, struct shape *shape) {
  lua_State *L = encoder->L;
  lua_Integer highest = 0;
  bool integers = true;
  shape->count = 0;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    shape->count++;
    if (integers && lua_isinteger(L, -1)) {
      const lua_Integer key = lua_tointeger(L, -1);
      if (key < 1) integers = false;
      if (key > highest) highest = key;
      continue;
    }
    integers = false;
    struct script_key key;
    if (lh_script_key_read(L, -1, &key)) continue;
    const int type = lua_type(L, -1);
    lua_pop(L, 1);
    encoder->path.depth--;
    const int err =
        lh_script_path_fail(&encoder->path, encoder->error, LH_EINVAL,
                            "a %s cannot be a key of a table that is sent", lua_typename(L, type));
    encoder->path.depth++;
    return err;
  }
  // As many keys as the highest, all of them integers from 1: none is missing.
  shape->sequence = integers && shape->count > 0 && (size_t)highest == shape->count;
  return 0;
}

static int encode_sequence(struct encoder *encoder, int table, size_t count) {
  lua_State *L = encoder->L;
  lh_write_array(encoder->out, (uint32_t)count);
  struct script_key *key = script_path_key(&encoder->path);
  key->kind = KEY_INTEGER;
  for (size_t i = 1; i <= count; i++) {
    key->as.integer = (lua_Integer)i;
    lua_rawgeti(L, table, (lua_Integer)i);
    const int err = encode(encoder, lua_gettop(L));
    lua_pop(L, 1);
    if (err < 0) return err;
  }
  return 0;
}

// --- maps ---
static int compare_pairs(const void *a, const void *b, void *runs) {
  return lh_script_key_compare(&((const struct pair *)a)->key, &((const struct pair *)b)->key,
                               runs);
}

static void sort_few(struct pair *pairs, size_t count, const struct lh_runs *runs) {
  for (size_t i = 1; i < count; i++) {
    const struct pair pair = pairs[i];
    size_t at = i;
    for (; at > 0 && lh_script_key_compare(&pairs[at - 1].key, &pair.key, runs) > 0; at--) {
      pairs[at] = pairs[at - 1];
    }
    pairs[at] = pair;
  }
}

// Writes the pairs again in order, behind the output's end, and moves them back over the first
// writing.
static void put_in_order(struct lh_buf *out, struct pair *pairs, size_t count,
                         const struct lh_runs *runs) {
  const size_t start = pairs[0].start;
  const size_t len = out->len - start;
  if (count <= FEW_PAIRS) {
    sort_few(pairs, count, runs);
  } else {
    qsort_r(pairs, count, sizeof *pairs, compare_pairs, (void *)(uintptr_t)runs);
  }
  lh_buf_reserve(out, len);
  uint8_t *to = out->data + out->len;
  for (size_t i = 0; i < count; i++) {
    memcpy(to, out->data + pairs[i].start, pairs[i].end - pairs[i].start);
    to += pairs[i].end - pairs[i].start;
  }
  memcpy(out->data + start, out->data + out->len, len);
}

static int encode_pairs(struct encoder *encoder, int table, struct pair *pairs, size_t count) {
  lua_State *L = encoder->L;
  struct lh_buf *out = encoder->out;
  bool in_order = true;
  size_t i = 0;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    const int value = lua_gettop(L);
    struct pair *pair = &pairs[i];
    (void)lh_script_key_read(L, value - 1, &pair->key);
    *script_path_key(&encoder->path) = pair->key;
    pair->start = out->len;
    int err = encode(encoder, value - 1);
    if (err == 0) err = encode(encoder, value);
    if (err < 0) {
      lua_pop(L, 2);
      return err;
    }
    pair->end = out->len;
    if (in_order && i > 0 &&
        lh_script_key_compare(&pairs[i - 1].key, &pair->key, encoder->runs) > 0) {
      in_order = false;
    }
    i++;
    lua_pop(L, 1);
  }
  if (!in_order) put_in_order(out, pairs, count, encoder->runs);
  return 0;
}

static int encode_map(struct encoder *encoder, int table, size_t count) {
  const bool marked = lh_script_is_error(encoder->L, table);
  lh_write_map(encoder->out, (uint32_t)(count + (marked ? 1 : 0)));
  if (marked) {
    lh_write_nil(encoder->out);
    lh_write_bool(encoder->out, true);
  }
  struct pair few[FEW_PAIRS];
  if (count <= FEW_PAIRS) return encode_pairs(encoder, table, few, count);
  struct pair *pairs = lh_try_alloc(count * sizeof *pairs);
  if (pairs == NULL) return too_large(encoder);
  const int err = encode_pairs(encoder, table, pairs, count);
  lh_free(pairs);
  return err;
}

static int encode_table(struct encoder *encoder, int table) {
  struct shape shape = {0};
  if (!lua_checkstack(encoder->L, 6)) return too_large(encoder);
  int err = lh_script_path_enter(&encoder->path, encoder->L, table, encoder->error);
  if (err < 0) return err;
  err = look(encoder, table, &shape);
  if (err < 0) return err;
  // Two for the mark of an error value.
  const size_t elements = shape.sequence ? shape.count : 2 * shape.count + 2;
  if (elements > encoder->elements) {
    script_path_leave(&encoder->path);
    return too_many(encoder);
  }
  encoder->elements -= (uint32_t)elements;
  err = shape.sequence ? encode_sequence(encoder, table, shape.count)
                       : encode_map(encoder, table, shape.count);
  if (err == 0) script_path_leave(&encoder->path);
  return err;
}

static void encode_number(struct encoder *encoder, int index) {
  if (lua_isinteger(encoder->L, index)) {
    lh_write_int(encoder->out, lua_tointeger(encoder->L, index));
  } else {
    lh_write_double(encoder->out, lua_tonumber(encoder->L, index));
  }
}

// Depth is bounded by the path. `index` is absolute.
static int encode(struct encoder *encoder, int index) {
  int err = 0;
  switch (lua_type(encoder->L, index)) {
  case LUA_TNIL:
    lh_write_nil(encoder->out);
    break;
  case LUA_TBOOLEAN:
    lh_write_bool(encoder->out, lua_toboolean(encoder->L, index));
    break;
  case LUA_TNUMBER:
    encode_number(encoder, index);
    break;
  case LUA_TSTRING:
    err = encode_string(encoder, index);
    break;
  case LUA_TLIGHTUSERDATA:
    err = encode_pid(encoder, index);
    break;
  case LUA_TTABLE:
    err = encode_table(encoder, index);
    break;
  default:
    err = lh_script_path_refuse(&encoder->path, encoder->error, encoder->L, index);
  }
  if (err == 0 && encoder->out->len > encoder->end) err = too_large(encoder);
  return err;
}

int lh_value_encode(lua_State *L, int index, struct lh_buf *out, size_t max,
                    const struct lh_runs *runs, struct lh_error *error) {
  const size_t start = out->len;
  struct encoder encoder;
  encoder.L = L;
  encoder.out = out;
  encoder.max = max;
  encoder.end = start + max;
  encoder.elements = LH_WIRE_ELEMENTS_USER - 1;
  encoder.runs = runs;
  encoder.error = error;
  encoder.path.depth = 0;
  const int err = encode(&encoder, lua_absindex(L, index));
  if (err < 0) out->len = start;
  return err;
}
