// ordered.c - pairs and next that visit keys in a fixed order, so that a seed replays a program.
// lh_script_shuffle_order puts another order in its place, as fixed as the first.
//
// pairs sorts the keys when the loop begins. next has no loop to belong to, so it remembers the
// table it was last asked about with its sorted keys and goes on there; the first step only looks
// for the smallest key, since `next(t) == nil` is how Lua asks whether a table is empty. Keys that
// are gone meanwhile are passed over.
#include "script/internal.h"

#include <stdlib.h>

#include "script/key.h"

struct place {
  struct script_key key;
  lua_Integer at;  // in the unsorted list
};

static const struct lh_runs *runs_of(lua_State *L) {
  const struct script_state *state = lh_script_state(L);
  return state == NULL ? NULL : state->runs;
}

static uint64_t seed_of(lua_State *L) {
  const struct script_state *state = lh_script_state(L);
  return state == NULL ? 0 : state->order_seed;
}

void lh_script_shuffle_order(lua_State *L, uint64_t seed) { lh_script_state(L)->order_seed = seed; }

static void check_key(lua_State *L, int index, struct script_key *key) {
  if (lh_script_key_read(L, index, key)) {
    const uint64_t seed = seed_of(L);
    if (seed != 0) lh_script_key_draw(key, seed, runs_of(L));
    return;
  }
  luaL_error(L,
             "a %s as a table key has no fixed order: use strings, numbers, booleans or pids where "
             "the order must "
             "not depend on chance",
             luaL_typename(L, index));
}

static int compare_places(const void *a, const void *b, void *runs) {
  return lh_script_key_compare(&((const struct place *)a)->key, &((const struct place *)b)->key,
                               runs);
}

// Pushes a list of the keys of the table at `table`, as Lua has them, and answers how many there
// are.
static size_t push_keys(lua_State *L, int table) {
  size_t count = 0;
  lua_newtable(L);
  const int list = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, list, (lua_Integer)++count);
  }
  return count;
}

// Pushes the sorted list of the keys of the table at `table`.
static void push_sorted(lua_State *L, int table) {
  const size_t count = push_keys(L, table);
  const int list = lua_gettop(L);
  struct place *places = lua_newuserdatauv(L, (count + 1) * sizeof *places, 0);
  for (size_t i = 0; i < count; i++) {
    places[i].at = lua_rawgeti(L, list, (lua_Integer)i + 1) == LUA_TNIL ? 0 : (lua_Integer)i + 1;
    check_key(L, -1, &places[i].key);
    lua_pop(L, 1);
  }
  qsort_r(places, count, sizeof *places, compare_places, (void *)(uintptr_t)runs_of(L));
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, places[i].at);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_replace(L, list);
  lua_settop(L, list);
}

// Pushes the first key behind `position` of the list that is still in the table, and its value;
// answers its position, or 0 and a nil.
static lua_Integer step(lua_State *L, int table, int list, lua_Integer position) {
  while (lua_rawgeti(L, list, ++position) != LUA_TNIL) {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, table) != LUA_TNIL) return position;
    lua_pop(L, 2);
  }
  return 0;
}

// --- pairs: upvalues are the sorted keys and the position ---
static int iterate(lua_State *L) {
  lua_settop(L, 1);
  const lua_Integer position =
      step(L, 1, lua_upvalueindex(1), lua_tointeger(L, lua_upvalueindex(2)));
  lua_pushinteger(L, position);
  lua_replace(L, lua_upvalueindex(2));
  return position == 0 ? 1 : 2;
}

static int pairs_k(lua_State *L, int status, lua_KContext ctx) {
  (void)L;
  (void)status;
  (void)ctx;
  return 3;
}

static int ordered_pairs(lua_State *L) {
  luaL_checkany(L, 1);
  if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 3, 0, pairs_k);
    return 3;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  push_sorted(L, 1);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, iterate, 2);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

// --- next: upvalues are the table (in a weak box), its sorted keys, the position ---
enum { BOX = 1, KEYS, POSITION };

static int push_smallest(lua_State *L) {
  const struct lh_runs *runs = runs_of(L);
  struct script_key smallest, key;
  lua_settop(L, 1);
  lua_pushnil(L);
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    lua_pop(L, 1);
    check_key(L, -1, &key);
    if (!lua_isnil(L, 2) && lh_script_key_compare(&smallest, &key, runs) <= 0) continue;
    smallest = key;
    lua_pushvalue(L, -1);
    lua_replace(L, 2);
  }
  if (lua_isnil(L, 2)) return 1;
  lua_pushvalue(L, 2);
  lua_rawget(L, 1);
  return 2;
}

// The position of the key at 2 in the list at 3, or of the key before where it would be.
static lua_Integer find_position(lua_State *L) {
  const struct lh_runs *runs = runs_of(L);
  struct script_key wanted, key;
  check_key(L, 2, &wanted);
  lua_Integer low = 0, high = (lua_Integer)lua_rawlen(L, 3);
  while (low < high) {
    const lua_Integer middle = low + (high - low + 1) / 2;
    lua_rawgeti(L, 3, middle);
    check_key(L, -1, &key);
    const bool behind = lh_script_key_compare(&key, &wanted, runs) > 0;
    lua_pop(L, 1);
    if (behind) {
      high = middle - 1;
    } else {
      low = middle;
    }
  }
  return low;
}

// Whether the last step was in the table at 1 and answered the key at 2.
static bool goes_on(lua_State *L) {
  lua_rawgeti(L, lua_upvalueindex(BOX), 1);
  bool same = lua_rawequal(L, -1, 1);
  if (same) {
    lua_rawgeti(L, lua_upvalueindex(KEYS), lua_tointeger(L, lua_upvalueindex(POSITION)));
    same = lua_rawequal(L, -1, 2);
  }
  lua_settop(L, 2);
  return same;
}

static int ordered_next(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) return push_smallest(L);
  lua_Integer position = 0;
  if (goes_on(L)) {
    position = lua_tointeger(L, lua_upvalueindex(POSITION));
    lua_pushvalue(L, lua_upvalueindex(KEYS));
  } else {
    push_sorted(L, 1);
    position = find_position(L);
    lua_pushvalue(L, 1);
    lua_rawseti(L, lua_upvalueindex(BOX), 1);
    lua_pushvalue(L, 3);
    lua_replace(L, lua_upvalueindex(KEYS));
  }
  position = step(L, 1, 3, position);
  lua_pushinteger(L, position);
  lua_replace(L, lua_upvalueindex(POSITION));
  return position == 0 ? 1 : 2;
}

static void push_next(lua_State *L) {
  lua_createtable(L, 1, 0);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_newtable(L);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, ordered_next, 3);
}

void lh_script_push_ordered(lua_State *L) {
  luaL_checkstack(L, 6, NULL);
  lua_pushcfunction(L, ordered_pairs);
  push_next(L);
}
