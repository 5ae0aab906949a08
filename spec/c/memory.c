// rooms: base
// memory.c - luahub_test.memory: has an allocation of this process refused, where
// spec/c/preload_refuse.c is preloaded.
#include <dlfcn.h>
#include <lauxlib.h>

static unsigned long (*preloaded)(unsigned long, int);

// memory.refuse(n, more): from now on the n-th allocation is refused, 0 for none; `more`: all after
// it too. Answers how many were refused since the last call.
static int refuse(lua_State *L) {
  lua_pushinteger(
      L, (lua_Integer)preloaded((unsigned long)luaL_checkinteger(L, 1), lua_toboolean(L, 2)));
  return 1;
}

__attribute__((visibility("default"))) int luaopen_luahub_test_memory(lua_State *L);
int luaopen_luahub_test_memory(lua_State *L) {
  *(void **)&preloaded = dlsym(RTLD_DEFAULT, "luahub_refuse");
  if (preloaded == NULL) return luaL_error(L, "refuse.so is not preloaded");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, refuse);
  lua_setfield(L, -2, "refuse");
  return 1;
}
