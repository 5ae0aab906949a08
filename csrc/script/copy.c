// copy.c - deep copies inside one state, by the rules of the wire without the bytes.
#include "script/internal.h"

#include "script/path.h"

struct copier {
  lua_State *L;
  uint32_t elements;
  struct lh_error *error;
  struct script_path path;
};

static int copy(struct copier *copier, int index);

// A new table with room for as much as the one at `table` has.
static int make_room(struct copier *copier, int table) {
  lua_State *L = copier->L;
  const lua_Unsigned sequence = lua_rawlen(L, table);
  size_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    count++;
  }
  if (2 * count > copier->elements) {
    return lh_script_path_fail(&copier->path, copier->error, LH_ELIMIT,
                               "too large to be sent: %d values in tables at most",
                               LH_WIRE_ELEMENTS_USER);
  }
  copier->elements -= (uint32_t)(2 * count);
  const size_t array = sequence < count ? (size_t)sequence : count;
  lua_createtable(L, (int)array, (int)(count - array));
  return 0;
}

static int copy_pairs(struct copier *copier, int table) {
  lua_State *L = copier->L;
  const int result = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (!lh_script_key_read(L, -2, script_path_key(&copier->path))) {
      script_path_leave(&copier->path);
      return lh_script_path_fail(&copier->path, copier->error, LH_EINVAL,
                                 "a %s cannot be a key of a table that is sent",
                                 luaL_typename(L, -2));
    }
    const int err = copy(copier, result + 2);
    if (err < 0) return err;
    if (lua_isinteger(L, result + 1)) {
      lua_rawseti(L, result, lua_tointeger(L, result + 1));
    } else {
      lua_pushvalue(L, result + 1);
      lua_insert(L, -2);
      lua_rawset(L, result);
    }
    lua_pop(L, 1);
  }
  return 0;
}

static int copy_table(struct copier *copier, int table) {
  lua_State *L = copier->L;
  luaL_checkstack(L, 8, "too many values");
  int err = lh_script_path_enter(&copier->path, L, table, copier->error);
  if (err == 0) err = make_room(copier, table);
  if (err == 0) err = copy_pairs(copier, table);
  if (err < 0) return err;
  if (lh_script_is_error(L, table)) lh_script_make_error(L);
  script_path_leave(&copier->path);
  return 0;
}

// Pushes a copy of the value at the absolute `index`; after a failure the stack holds any rubbish.
static int copy(struct copier *copier, int index) {
  lua_State *L = copier->L;
  switch (lua_type(L, index)) {
  case LUA_TTABLE:
    return copy_table(copier, index);
  case LUA_TLIGHTUSERDATA:
    if (lh_script_to_pid(L, index) != 0) break;
    return lh_script_path_refuse(&copier->path, copier->error, L, index);
  case LUA_TNIL:
  case LUA_TBOOLEAN:
  case LUA_TNUMBER:
  case LUA_TSTRING:
    break;
  default:
    return lh_script_path_refuse(&copier->path, copier->error, L, index);
  }
  lua_pushvalue(L, index);
  return 0;
}

int lh_value_copy(lua_State *L, int index, struct lh_error *error) {
  const int top = lua_gettop(L);
  struct copier copier;
  copier.L = L;
  copier.elements = LH_WIRE_ELEMENTS_USER;
  copier.error = error;
  copier.path.depth = 0;
  luaL_checkstack(L, 1, NULL);
  const int err = copy(&copier, lua_absindex(L, index));
  if (err < 0) lua_settop(L, top);
  return err;
}
