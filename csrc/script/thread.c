// thread.c - which coroutine this thread runs, and how it is made to give way or to raise.
//
// A thread's record changes only at the entries into Lua (lh_script_call, lh_script_resume, and the
// user's coroutine.resume), which put it back when they end; none of them can be left by an error.
// A signal handler reads it and sets a count hook on the running coroutine; the hook decides:
//
//   interrupt -> pending -> hook -> may yield?  yes: yields to lh_script_resume, pending is over
//                                               no:  the hook stays, and looks again RETRY
//                                               instructions on
//
// Only the count hook: with call, return or line hooks a yield from a hook gives wrong results.
// Hooks do not run in finalizers (__gc), so these are never interrupted. A program that sets hooks
// of its own with debug.sethook loses them at the next interrupt.
#include "script/internal.h"

#include <sched.h>
#include <stdio.h>

enum { RETRY = 1000 };

__thread struct script_thread lh_script_thread __attribute__((tls_model("initial-exec")));

static const char EXIT_KEY = 0;

// --- the hook ---
// The request to raise, taken when it concerns what runs now. Fills `message`.
static enum raise_mode take_raise(struct script_state *state, char *message, size_t size) {
  if (atomic_load_explicit(&state->raise, memory_order_acquire) == RAISE_NONE) return RAISE_NONE;
  pthread_mutex_lock(&state->lock);
  const enum raise_mode mode = (enum raise_mode)atomic_load(&state->raise);
  const bool mine = mode != RAISE_NONE && (state->raise_target == state->main ||
                                           state->raise_target == lh_script_thread.base);
  if (mine) {
    (void)snprintf(message, size, "%s", state->raise_message);
    if (mode == RAISE_ONCE) atomic_store(&state->raise, RAISE_NONE);
  }
  pthread_mutex_unlock(&state->lock);
  return mine ? mode : RAISE_NONE;
}

// Leaves the hook by an error. The coroutine keeps its hooks switched off unless a pcall in it
// catches the error, so it is not to be used for another function.
static int raise_from_hook(lua_State *L, struct script_state *state) {
  if (script_state_own(L) == state) script_mark(L, MARK_STALE);
  return lua_error(L);
}

static void give_way_in_hook(lua_State *L, int every) {
  struct script_thread *thread = &lh_script_thread;
  thread->pending = 0;
  if (every == 0) lua_sethook(L, NULL, 0, 0);
  lh_script_give_way(L, YIELD_PREEMPT, 0, 0, NULL);
}

// A stop order does not even enter a pcall or a message handler where the coroutine can be left by
// a yield.
static bool obey_raise(lua_State *L, struct script_state *state) {
  char message[LH_ERROR_TEXT_MAX];
  const enum raise_mode mode = take_raise(state, message, sizeof message);
  if (mode == RAISE_NONE) return false;
  if (mode == RAISE_PERSISTENT && lh_script_can_wait(L)) {
    lh_script_give_way(L, YIELD_RAISE, 0, 0, NULL);
    return true;
  }
  lh_script_arm(L, 1);
  lua_pushstring(L, message);
  return raise_from_hook(L, state) != 0;
}

// A coroutine that somebody else resumed (a C library) is not the running one, and must not yield
// to it.
static bool obey_exit(lua_State *L, struct script_state *state) {
  if (!lh_script_thread.exiting) return false;
  if (lh_script_can_wait(L)) {
    lh_script_give_way(L, YIELD_EXIT, 0, 0, NULL);
    return true;
  }
  lua_pushlightuserdata(L, (void *)(uintptr_t)&EXIT_KEY);
  return raise_from_hook(L, state) != 0;
}

static void on_count(lua_State *L, lua_Debug *debug) {
  (void)debug;
  struct script_thread *thread = &lh_script_thread;
  struct script_state *state = lh_script_state(L);
  if (state == NULL || thread->running == NULL) {
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  if (obey_raise(L, state) || obey_exit(L, state)) return;
  if (thread->pending == 0 && state->every == 0) {
    const bool wanted = atomic_load(&state->raise) != RAISE_NONE;
    lua_sethook(L, wanted ? on_count : NULL, wanted ? LUA_MASKCOUNT : 0, RETRY);
  } else if (lh_script_can_wait(L)) {
    give_way_in_hook(L, state->every);
  } else {
    lua_sethook(L, on_count, LUA_MASKCOUNT, state->every != 0 ? state->every : RETRY);
  }
}

void lh_script_arm(lua_State *L, int count) { lua_sethook(L, on_count, LUA_MASKCOUNT, count); }

void lh_script_interrupt_this_thread(void) {
  struct script_thread *thread = &lh_script_thread;
  lua_State *L = thread->running;
  if (L == NULL) return;
  thread->pending = 1;
  lh_script_arm(L, 1);
}

// --- entering and leaving ---
static bool is_asked(const struct script_state *state) {
  const struct script_thread *thread = &lh_script_thread;
  return thread->pending != 0 || thread->exiting ||
         (state != NULL && atomic_load_explicit(&state->raise, memory_order_acquire) != RAISE_NONE);
}

// What was asked while another coroutine ran holds for the one that runs now.
static void rearm(const struct script_state *state, lua_State *L) {
  if (is_asked(state)) {
    lh_script_arm(L, 1);
  } else if (state != NULL && state->every != 0) {
    lh_script_arm(L, state->every);
  }
}

void lh_script_enter(struct script_state *state, lua_State *L, bool reachable,
                     struct script_frame *frame) {
  struct script_thread *thread = &lh_script_thread;
  *frame = (struct script_frame){.running = thread->running,
                                 .base = thread->base,
                                 .reachable = thread->reachable,
                                 .exiting = thread->exiting};
  thread->reachable = reachable;
  thread->exiting = false;
  if (reachable || frame->running == NULL) thread->base = L;
  if (state != NULL) {
    frame->inside = atomic_load_explicit(&state->inside, memory_order_relaxed);
    if (!frame->inside) state->thread = pthread_self();
    atomic_store(&state->inside, true);
  }
  thread->running = L;
  atomic_signal_fence(memory_order_seq_cst);
  if (reachable) thread->pending = 0;
  rearm(state, L);
}

void lh_script_leave(struct script_state *state, const struct script_frame *frame) {
  struct script_thread *thread = &lh_script_thread;
  const bool actor = thread->reachable;  // an interrupt of an actor ends with its turn
  thread->running = frame->running;
  atomic_signal_fence(memory_order_seq_cst);
  thread->reachable = frame->reachable;
  thread->exiting = frame->exiting;
  thread->base = frame->base;
  if (actor || frame->running == NULL) thread->pending = 0;
  if (frame->running != NULL && is_asked(state)) lh_script_arm(frame->running, 1);
  if (state == NULL) return;
  atomic_store(&state->inside, frame->inside);
  // Somebody who saw us inside is about to signal this thread, which must not be gone by then.
  while (atomic_load(&state->signalled)) sched_yield();
}

int lh_script_step(struct script_state *state, lua_State *co, lua_State *from, int nargs,
                   int *nresults) {
  struct script_thread *thread = &lh_script_thread;
  lua_State *outer = thread->running;
  const bool reachable = thread->reachable;
  if (co != outer) {
    thread->reachable = reachable && from == outer && lua_isyieldable(from);
    thread->running = co;
    atomic_signal_fence(memory_order_seq_cst);
    rearm(state, co);
  }
  thread->reason = YIELD_USER;
  const int status = lua_resume(co, from, nargs, nresults);
  if (co != outer) {
    thread->running = outer;
    atomic_signal_fence(memory_order_seq_cst);
    thread->reachable = reachable;
    if (outer != NULL && is_asked(state)) lh_script_arm(outer, 1);
  }
  return status;
}

int lh_script_close_coroutine(lua_State *co) {
  struct script_thread *thread = &lh_script_thread;
  lua_State *outer = thread->running;
  const bool reachable = thread->reachable;
  thread->reachable = false;
  thread->running = co;
  atomic_signal_fence(memory_order_seq_cst);
  const int status = lua_resetthread(co);
  thread->running = outer;
  atomic_signal_fence(memory_order_seq_cst);
  thread->reachable = reachable;
  lua_sethook(co, NULL, 0, 0);
  return status;
}

// --- giving way ---
bool lh_script_can_wait(lua_State *L) {
  const struct script_thread *thread = &lh_script_thread;
  return thread->reachable && thread->running == L && lua_isyieldable(L);
}

int lh_script_give_way(lua_State *L, enum yield_reason reason, int nresults, lua_KContext ctx,
                       lua_KFunction k) {
  lh_script_thread.reason = reason;
  return lua_yieldk(L, nresults, ctx, k);
}

int lh_script_wait(lua_State *L, lua_KContext ctx, lua_KFunction k) {
  if (!lh_script_can_wait(L)) {
    return luaL_error(L,
                      "cannot wait here: only a process may wait, and not inside a function that C "
                      "called (table.sort, string.gsub, a finalizer)");
  }
  return lh_script_give_way(L, YIELD_WAIT, 0, ctx, k);
}

// Where the exit cannot yield it raises a value of its own. A pcall may catch that, but gets no
// further: from then on the hook before the next instruction yields the exit, or raises again.
int lh_script_exit(lua_State *L) {
  if (lh_script_can_wait(L)) return lh_script_give_way(L, YIELD_EXIT, 1, 0, NULL);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &EXIT_KEY);
  if (lh_script_thread.running != NULL) {
    lh_script_thread.exiting = true;
    lh_script_arm(L, 1);
  }
  lua_pushlightuserdata(L, (void *)(uintptr_t)&EXIT_KEY);
  return lua_error(L);
}

bool lh_script_is_exit(lua_State *L, int index) {
  return lua_islightuserdata(L, index) && lua_touserdata(L, index) == (const void *)&EXIT_KEY;
}

void lh_script_take_exit(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &EXIT_KEY);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &EXIT_KEY);
}
