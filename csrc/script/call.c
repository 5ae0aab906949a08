// call.c - the doorway for callbacks: calls that must return at once, and C code that may raise.
#include "script/internal.h"

#include <stdio.h>

// Runs where the error was raised, so that the traceback shows it. The text goes to the caller's
// error.
static int on_error(lua_State *L) {
  if (lua_gettop(L) == 0) lua_pushnil(L);
  lh_script_describe(L, 1, L, 1, lh_script_thread.report);
  lua_settop(L, 1);
  return 1;
}

// Errors that ran no handler: no memory, no stack.
static void report_plain(lua_State *L, struct lh_error *error) {
  const char *text =
      lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error in an error handler";
  lh_fail(error, LH_EFAILED, "%s", text);
}

static int refuse(lua_State *L, int used, struct lh_error *error) {
  lua_pop(L, used);
  return lh_fail(error, LH_EFAILED, "Lua stack overflow");
}

int lh_script_call(lua_State *L, int nargs, int nresults, struct lh_error *error) {
  if (!lua_checkstack(L, 4)) return refuse(L, nargs + 1, error);
  struct script_thread *thread = &lh_script_thread;
  struct script_state *state = lh_script_state(L);
  struct lh_error *outer_report = thread->report;
  struct script_frame frame;
  const int handler = lua_gettop(L) - nargs;
  lua_pushcfunction(L, on_error);
  lua_insert(L, handler);
  if (error != NULL) error->text[0] = '\0';
  thread->report = error;
  lh_script_enter(state, L, false, &frame);
  const int status = lua_pcall(L, nargs, nresults, handler);
  lh_script_leave(state, &frame);
  thread->report = outer_report;
  lua_remove(L, handler);
  if (status == LUA_OK) return 0;
  if (error != NULL && error->text[0] == '\0') report_plain(L, error);
  lua_pop(L, 1);
  return LH_EFAILED;
}

struct guarded {
  void (*fn)(lua_State *L, void *data);
  void *data;
};

static int run_guarded(lua_State *L) {
  const struct guarded *guarded = lua_touserdata(L, 1);
  lua_settop(L, 0);
  guarded->fn(L, guarded->data);
  return 0;
}

int lh_script_guard(lua_State *L, void (*fn)(lua_State *L, void *data), void *data,
                    struct lh_error *error) {
  struct guarded guarded = {.fn = fn, .data = data};
  if (!lua_checkstack(L, 3)) return refuse(L, 0, error);
  lua_pushcfunction(L, run_guarded);
  lua_pushlightuserdata(L, &guarded);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return 0;
  lh_script_describe(L, -1, L, 0, error);
  lua_pop(L, 1);
  return LH_EFAILED;
}
