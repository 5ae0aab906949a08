// coroutine.c - the user's coroutine functions, of the same meaning as Lua's own.
//
// They differ in one thing: when the inner coroutine stops because it waits, is preempted or exits,
// the yield passes outward to lh_script_resume, and the continuation resumes the inner one with
// what came back:
//
//   lh_script_resume -> actor -> resume_k(inner) -> inner waits
//                    <-------------- yield outward --'
//                    -- results --> resume_k -> lua_resume(inner, results)
//
// Meanwhile the inner coroutine is *held*: to everybody else it is a normal one, which nobody may
// resume.
#include "script/internal.h"

#include <lualib.h>

enum { FAILED = -1, OUTWARD = -2 };
enum status { DEAD, SUSPENDED, RUNNING, NORMAL };
static const char *const status_names[] = {"dead", "suspended", "running", "normal"};

static lua_State *check_coroutine(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  if (co == NULL) luaL_typeerror(L, 1, "coroutine");
  return co;
}

static enum status status_of(lua_State *L, lua_State *co) {
  lua_Debug debug;
  if (L == co) return RUNNING;
  if (script_marked(co, MARK_HELD)) return NORMAL;
  switch (lua_status(co)) {
  case LUA_YIELD:
    return SUSPENDED;
  case LUA_OK:
    if (lua_getstack(co, 0, &debug)) return NORMAL;
    return lua_gettop(co) == 0 ? DEAD : SUSPENDED;
  default:
    return DEAD;
  }
}

// Resumes `co` with the top `nargs` values of L. Answers how many results it moved to L; FAILED
// with the error on L; or OUTWARD with `outward` values on L that go further out.
static int advance(lua_State *L, lua_State *co, int nargs, int *outward) {
  int count = 0;
  if (!lua_checkstack(co, nargs)) {
    lua_pushliteral(L, "too many arguments to resume");
    return FAILED;
  }
  lua_xmove(L, co, nargs);
  const int status = lh_script_step(script_state_own(L), co, L, nargs, &count);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return FAILED;
  }
  if (!lua_checkstack(L, count + 1)) {
    lua_pop(co, count);
    lua_pushliteral(L, "too many results to resume");
    return FAILED;
  }
  lua_xmove(co, L, count);
  if (status == LUA_OK || lh_script_thread.reason == YIELD_USER) return count;
  script_mark(co, MARK_HELD);
  *outward = count;
  return OUTWARD;
}

static int refuse_held(lua_State *L, lua_State *co) {
  if (!script_marked(co, MARK_HELD)) return 0;
  lua_pushliteral(L, "cannot resume non-suspended coroutine");
  return FAILED;
}

// --- resume ---
static int resume_k(lua_State *L, int status, lua_KContext ctx);

static int finish_resume(lua_State *L, lua_State *co, int result, int outward) {
  if (result == OUTWARD) {
    return lh_script_give_way(L, lh_script_thread.reason, outward, (lua_KContext)co, resume_k);
  }
  lua_pushboolean(L, result != FAILED);
  if (result == FAILED) {
    lua_insert(L, -2);
    return 2;
  }
  lua_insert(L, -(result + 1));
  return result + 1;
}

static int resume_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  lua_State *co = (lua_State *)ctx;
  int outward = 0;
  script_unmark(co, MARK_HELD);
  const int result = advance(L, co, lua_gettop(L) - 1, &outward);
  return finish_resume(L, co, result, outward);
}

static int co_resume(lua_State *L) {
  lua_State *co = check_coroutine(L);
  int outward = 0;
  int result = refuse_held(L, co);
  if (result == 0) result = advance(L, co, lua_gettop(L) - 1, &outward);
  return finish_resume(L, co, result, outward);
}

// --- wrap ---
static int wrap_k(lua_State *L, int status, lua_KContext ctx);

// An error from a wrapped coroutine goes on in its caller, after closing what the coroutine had to
// close.
static int fail_wrap(lua_State *L, lua_State *co) {
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    status = lh_script_close_coroutine(co);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int finish_wrap(lua_State *L, lua_State *co, int result, int outward) {
  if (result == OUTWARD) {
    return lh_script_give_way(L, lh_script_thread.reason, outward, (lua_KContext)co, wrap_k);
  }
  return result == FAILED ? fail_wrap(L, co) : result;
}

static int wrap_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  lua_State *co = (lua_State *)ctx;
  int outward = 0;
  script_unmark(co, MARK_HELD);
  const int result = advance(L, co, lua_gettop(L), &outward);
  return finish_wrap(L, co, result, outward);
}

static int call_wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int outward = 0;
  int result = refuse_held(L, co);
  if (result == 0) result = advance(L, co, lua_gettop(L), &outward);
  return finish_wrap(L, co, result, outward);
}

// --- the rest ---
static int co_create(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_sethook(co, NULL, 0, 0);  // it would inherit ours, when one is set
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

static int co_wrap(lua_State *L) {
  (void)co_create(L);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

static int co_yield (lua_State *L) {
  if (script_marked(L, MARK_ACTOR))
    return luaL_error(L, "attempt to yield from outside a coroutine");
  return lh_script_give_way(L, YIELD_USER, lua_gettop(L), 0, NULL);
}

static int co_status(lua_State *L) {
  lua_pushstring(L, status_names[status_of(L, check_coroutine(L))]);
  return 1;
}

static int co_isyieldable(lua_State *L) {
  lua_State *co = lua_isnone(L, 1) ? L : check_coroutine(L);
  lua_pushboolean(L, lua_isyieldable(co) && !script_marked(co, MARK_ACTOR));
  return 1;
}

static int co_running(lua_State *L) {
  const bool is_main = lua_pushthread(L) != 0;
  lua_pushboolean(L, is_main || script_marked(L, MARK_ACTOR));
  return 2;
}

static int co_close(lua_State *L) {
  lua_State *co = check_coroutine(L);
  const enum status status = status_of(L, co);
  if (status != DEAD && status != SUSPENDED) {
    return luaL_error(L, "cannot close a %s coroutine", status_names[status]);
  }
  if (lh_script_close_coroutine(co) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

void lh_script_open_coroutines(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"create", co_create},
      {"resume", co_resume},
      {"running", co_running},
      {"status", co_status},
      {"wrap", co_wrap},
      {"yield", co_yield },
      {"close", co_close},
      {"isyieldable", co_isyieldable},
      {NULL, NULL},
  };
  lua_getglobal(L, LUA_COLIBNAME);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
