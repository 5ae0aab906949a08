// resume.c - the doorway for actors: coroutines that may wait, be preempted, fail or exit.
//
//   reset --resume--> running --> DONE | FAILED | EXITED   (lh_script_reset)
//                        ^  |
//                        |  v
//                  WAITS | PREEMPTED                       (lh_script_resume again)
#include "script/internal.h"

#include <stdio.h>

// The traceback is taken from `co` before anything resets it; the text is made on another
// coroutine, since a failed one can run nothing.
static enum lh_script_end failed(lua_State *co, lua_State *from, struct lh_error *error) {
  if (lh_script_is_exit(co, -1)) {
    lua_pop(co, 1);
    lh_script_take_exit(co);
    return LH_SCRIPT_EXITED;
  }
  lua_State *L = from != NULL ? from : script_state_own(co)->main;
  if (error != NULL && lua_checkstack(L, 1) && lua_checkstack(co, 1)) {
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
    lh_script_describe(L, -1, co, 0, error);
    lua_pop(L, 1);
  } else if (error != NULL) {
    lh_fail(error, LH_EFAILED, "Lua stack overflow");
  }
  return LH_SCRIPT_FAILED;
}

struct text {
  lua_State *co;
  const char *text;
};

static void push_text(lua_State *L, void *data) {
  const struct text *text = data;
  lua_pushstring(L, text->text);
  lua_xmove(L, text->co, 1);
}

// As if `co` had raised the text where it yielded. Making a string may fail, and `co` cannot be
// called.
static enum lh_script_end fail_by(lua_State *co, lua_State *from, const char *message,
                                  struct lh_error *error) {
  struct text text = {.co = co, .text = message};
  (void)lua_checkstack(co, 2);
  if (lh_script_guard(script_state_own(co)->main, push_text, &text, NULL) < 0) lua_pushnil(co);
  return failed(co, from, error);
}

static enum lh_script_end fail_by_order(lua_State *co, lua_State *from, struct lh_error *error) {
  struct script_state *state = script_state_own(co);
  char message[LH_ERROR_TEXT_MAX];
  pthread_mutex_lock(&state->lock);
  (void)snprintf(message, sizeof message, "%s", state->raise_message);
  pthread_mutex_unlock(&state->lock);
  return fail_by(co, from, message, error);
}

static enum lh_script_end yielded(lua_State *co, lua_State *from, int *nresults,
                                  struct lh_error *error) {
  switch (lh_script_thread.reason) {
  case YIELD_WAIT:
    return LH_SCRIPT_WAITS;
  case YIELD_PREEMPT:
    return LH_SCRIPT_PREEMPTED;
  case YIELD_EXIT:
    if (*nresults == 0) {
      (void)lua_checkstack(co, 2);
      lh_script_take_exit(co);
    }
    *nresults = 1;
    return LH_SCRIPT_EXITED;
  case YIELD_RAISE:
    *nresults = 1;
    return fail_by_order(co, from, error);
  case YIELD_USER:
    break;
  }
  // Our coroutine.yield refuses this; a C library that yields by itself gets here.
  *nresults = 1;
  return fail_by(co, from, "attempt to yield from outside a coroutine", error);
}

enum lh_script_end lh_script_resume(lua_State *co, lua_State *from, int nargs, int *nresults,
                                    struct lh_error *error) {
  struct script_state *state = script_state_own(co);
  struct script_frame frame;
  int count = 0;
  script_mark(co, MARK_ACTOR | MARK_HELD);
  lh_script_enter(state, co, true, &frame);
  const int status = lh_script_step(state, co, from, nargs, &count);
  lh_script_leave(state, &frame);
  enum lh_script_end end = LH_SCRIPT_DONE;
  if (status == LUA_YIELD) {
    end = yielded(co, from, &count, error);
  } else if (status != LUA_OK) {
    count = 1;
    end = failed(co, from, error);
  }
  if (nresults != NULL) *nresults = count;
  return end;
}

bool lh_script_reset(lua_State *co) {
  struct script_state *state = script_state_own(co);
  struct script_frame frame;
  lua_Debug debug;
  if (lua_status(co) != LUA_OK || lua_getstack(co, 0, &debug)) {
    lh_script_enter(state, co, false, &frame);
    (void)lh_script_close_coroutine(co);
    lh_script_leave(state, &frame);
  }
  lua_settop(co, 0);
  lua_sethook(co, NULL, 0, 0);
  return !script_marked(co, MARK_STALE);
}
