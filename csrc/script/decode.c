// decode.c - bytes to Lua values.
//
// The bytes may come from a peer: walked with a stack of open tables of our own, no recursion.
// Nothing is made in advance by a count alone beyond PREALLOCATE_MAX.
#include "script/internal.h"

#include "wire/wire.h"

enum { PREALLOCATE_MAX = 4096 };

// An open table; it stands on the Lua stack, under its pending key when it is a map.
struct level {
  uint32_t left;         // elements (array) or pairs (map) still to come
  lua_Integer position;  // of the last element of an array
  bool map, has_key, first;
};

struct decoder {
  lua_State *L;
  struct lh_reader reader;
  struct lh_runs *runs;
  uint32_t depth;
  struct level levels[LH_WIRE_DEPTH_USER];
};

static int hint(uint32_t count) { return count < PREALLOCATE_MAX ? (int)count : PREALLOCATE_MAX; }

static void open_table(struct decoder *decoder, const struct lh_wire_value *value) {
  const bool map = value->type == LH_WIRE_MAP;
  if (decoder->depth == LH_WIRE_DEPTH_USER) {
    lh_read_fail(&decoder->reader, LH_ELIMIT);
    return;
  }
  lua_createtable(decoder->L, map ? 0 : hint(value->as.count), map ? hint(value->as.count) : 0);
  decoder->levels[decoder->depth++] =
      (struct level){.left = value->as.count, .map = map, .first = true};
}

static void push_pid(struct decoder *decoder, const struct lh_wire_value *value) {
  const uint32_t node =
      decoder->runs == NULL ? 0 : lh_runs_index(decoder->runs, &value->as.pid.run);
  if (node == 0) {
    lh_read_fail(&decoder->reader, LH_ELIMIT);
  } else {
    lh_script_push_pid(decoder->L, lh_pid_make(node, value->as.pid.local));
  }
}

static void push_scalar(struct decoder *decoder, const struct lh_wire_value *value) {
  lua_State *L = decoder->L;
  switch (value->type) {
  case LH_WIRE_NIL:
    lua_pushnil(L);
    break;
  case LH_WIRE_BOOL:
    lua_pushboolean(L, value->as.boolean);
    break;
  case LH_WIRE_INT:
    lua_pushinteger(L, value->as.integer);
    break;
  case LH_WIRE_DOUBLE:
    lua_pushnumber(L, value->as.number);
    break;
  case LH_WIRE_STR:
  case LH_WIRE_BIN:
    lua_pushlstring(L, (const char *)value->as.bytes.data, value->as.bytes.len);
    break;
  case LH_WIRE_PID:
    push_pid(decoder, value);
    break;
  default:
    lh_read_fail(&decoder->reader, LH_EFORMAT);  // an integer that Lua has none of
  }
}

// The value on top becomes a key of the table under it. The first pair of an error value is nil =
// true.
static void take_key(struct decoder *decoder, struct level *level) {
  lua_State *L = decoder->L;
  const int type = lua_type(L, -1);
  const bool number = type == LUA_TNUMBER;
  if (type == LUA_TNIL && level->first) {
    lua_pop(L, 1);
    level->left--;
    if (!lh_read_bool(&decoder->reader)) lh_read_fail(&decoder->reader, LH_EFORMAT);
    lh_script_make_error(L);
  } else if (type == LUA_TNIL || type == LUA_TTABLE ||
             (number && lua_tonumber(L, -1) != lua_tonumber(L, -1))) {
    lh_read_fail(&decoder->reader, LH_EFORMAT);
  } else {
    level->has_key = true;
  }
  level->first = false;
}

// The value on top goes under the key below it. A key that is there already is malformed: which of
// two values counts must not depend on who reads.
static void put(struct decoder *decoder) {
  lua_State *L = decoder->L;
  lua_pushvalue(L, -2);
  if (lua_rawget(L, -4) != LUA_TNIL) lh_read_fail(&decoder->reader, LH_EFORMAT);
  lua_pop(L, 1);
  lua_rawset(L, -3);
}

// The value on top goes into the innermost table.
static void take_value(struct decoder *decoder, struct level *level) {
  if (!level->map) {
    level->left--;
    lua_rawseti(decoder->L, -2, ++level->position);
  } else if (level->has_key) {
    level->has_key = false;
    level->left--;
    put(decoder);
  } else {
    take_key(decoder, level);
  }
}

// One whole value, pushed. False, and any rubbish on the stack, after an error.
static bool decode(struct decoder *decoder) {
  do {
    const struct lh_wire_value value = lh_read_value(&decoder->reader);
    if (decoder->reader.err != 0) return false;
    if (value.type == LH_WIRE_ARRAY || value.type == LH_WIRE_MAP) {
      open_table(decoder, &value);
    } else {
      push_scalar(decoder, &value);
      if (decoder->reader.err != 0) return false;
      if (decoder->depth > 0) take_value(decoder, &decoder->levels[decoder->depth - 1]);
    }
    // Tables that are complete go into theirs; one may complete the next.
    while (decoder->reader.err == 0 && decoder->depth > 0 &&
           decoder->levels[decoder->depth - 1].left == 0) {
      decoder->depth--;
      if (decoder->depth > 0) take_value(decoder, &decoder->levels[decoder->depth - 1]);
    }
  } while (decoder->reader.err == 0 && decoder->depth > 0);
  return decoder->reader.err == 0;
}

int lh_value_decode(lua_State *L, struct lh_bytes input, int want, struct lh_runs *runs) {
  const int top = lua_gettop(L);
  struct decoder decoder;
  decoder.L = L;
  decoder.runs = runs;
  decoder.depth = 0;
  lh_reader_init_user(&decoder.reader, input);
  int count = 0;
  while (want < 0 ? decoder.reader.at != decoder.reader.end : count < want) {
    luaL_checkstack(L, 2 * LH_WIRE_DEPTH_USER + 4, "too many values");
    if (!decode(&decoder)) break;
    count++;
  }
  const int err = lh_read_end(&decoder.reader);
  if (err == 0) return count;
  lua_settop(L, top);
  return err;
}
