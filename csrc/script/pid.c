// pid.c - pids as light userdata.
//
// All light userdata of a state share one metatable. A pid has a node index in its high bits, which
// no address of user space has: NULL (lua-cjson's null) and other libraries' pointers stay what
// they are.
#include "script/internal.h"

#include <inttypes.h>
#include <stdio.h>

static const void *to_pointer(lh_pid pid) { return (const void *)(uintptr_t)pid; }

void lh_script_push_pid(lua_State *L, lh_pid pid) {
  if (pid == 0) {
    lua_pushnil(L);
  } else {
    lua_pushlightuserdata(L, (void *)(uintptr_t)to_pointer(pid));
  }
}

lh_pid lh_script_to_pid(lua_State *L, int index) {
  if (!lua_islightuserdata(L, index)) return 0;
  const lh_pid pid = (lh_pid)(uintptr_t)lua_touserdata(L, index);
  return lh_pid_node(pid) == 0 ? 0 : pid;
}

lh_pid lh_script_check_pid(lua_State *L, int arg) {
  const lh_pid pid = lh_script_to_pid(L, arg);
  if (pid == 0) luaL_typeerror(L, arg, "pid");
  return pid;
}

static int pid_tostring(lua_State *L) {
  const void *pointer = lua_touserdata(L, 1);
  const lh_pid pid = lh_script_to_pid(L, 1);
  char text[LH_NAME_MAX + 64];
  if (pid != 0) {
    const struct script_state *state = lh_script_state(L);
    const char *name =
        state == NULL || state->runs == NULL ? "?" : lh_runs_name(state->runs, lh_pid_node(pid));
    (void)snprintf(text, sizeof text, "<%.*s.%" PRIu32 ".%" PRIu32 ".%" PRIu32 ">", LH_NAME_MAX,
                   name, lh_pid_heap(pid), lh_pid_slot(pid), lh_pid_serial(pid));
  } else if (pointer == NULL) {
    (void)snprintf(text, sizeof text, "userdata: NULL");
  } else {
    (void)snprintf(text, sizeof text, "userdata: %p", pointer);
  }
  lua_pushstring(L, text);
  return 1;
}

void lh_script_open_pids(lua_State *L) {
  lua_pushlightuserdata(L, NULL);
  lua_createtable(L, 0, 3);
  lua_pushcfunction(L, pid_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "pid");
  lua_setfield(L, -2, "__name");
  lua_pushliteral(L, "pid");
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}
