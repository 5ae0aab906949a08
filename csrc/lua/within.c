// within.c - calls a function that must return soon: a strategy asked while its own program would
// hang with it.
//
// A count hook looks at the clock and counts the steps, since in the simulator computing takes no
// time. Past the limit it raises, and before every further instruction again, so that no pcall of
// the function's own gets past it; coroutines made inside inherit the hook. What runs in C is not
// interrupted. Thread: the caller's; calls nest, and the outer limit is looked at again after the
// inner call.
#include "lua/internal.h"

#include "script/script.h"

enum { STEP = 100000, STEPS_A_TICK = 4, NS_PER_MS = 1000000 };

struct limit {
  uint64_t by_ns;
  int steps;  // left
  lua_Integer ms;
};
static __thread struct limit *current;

static void on_count(lua_State *L, lua_Debug *debug) {
  struct limit *limit = current;
  (void)debug;
  if (limit == NULL) {
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  if (limit->steps > 0) limit->steps--;
  if (limit->steps > 0 && lh_core_now_ns(L) < limit->by_ns) return;
  limit->steps = 0;
  lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
  luaL_error(L, "no answer within %d ms", (int)limit->ms);
}

// The function and its arguments are on the stack. Entering Lua sets a hook of its own, so ours
// comes after that.
static int limited(lua_State *L) {
  lua_sethook(L, on_count, LUA_MASKCOUNT, STEP);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

// within(ms, fn, ...) -> true, results, or false and the error's text
static int within(lua_State *L) {
  const lua_Integer ms = luaL_checkinteger(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_Hook const hook = lua_gethook(L);
  const int mask = lua_gethookmask(L);
  const int count = lua_gethookcount(L);
  struct lh_error error;
  struct limit *const outer = current;
  struct limit limit = {lh_core_now_ns(L) + (uint64_t)ms * NS_PER_MS, (int)ms * STEPS_A_TICK, ms};
  lua_pushcfunction(L, limited);
  lua_replace(L, 1);
  lua_pushvalue(L, 1);
  lua_insert(L, 2);
  current = &limit;
  const int status = lh_script_call(L, lua_gettop(L) - 2, LUA_MULTRET, &error);
  current = outer;
  lua_sethook(L, hook, mask, count);
  lua_pushboolean(L, status == LH_OK);
  lua_replace(L, 1);
  if (status != LH_OK) lua_pushstring(L, error.text);
  return lua_gettop(L);
}

void lh_core_open_within(lua_State *L) {
  lua_pushcfunction(L, within);
  lua_setfield(L, -2, "within");
}
