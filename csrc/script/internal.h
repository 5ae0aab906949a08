// internal.h - what the files of this room share: the record of a state, and of the thread that
// runs Lua.
//
// A state's record is found through the extra space of its main thread, which every new coroutine
// copies (states made by us), or through the registry (states that we adopted). Two low bits of a
// coroutine's own copy say what it is for us; records are aligned, so the bits are free.
#ifndef LH_SCRIPT_INTERNAL_H
#define LH_SCRIPT_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "script/script.h"

enum raise_mode { RAISE_NONE, RAISE_ONCE, RAISE_PERSISTENT };

struct script_state {
  void *owner;
  lua_State *main;
  const struct lh_runs *runs;
  size_t memory_max;
  atomic_uint_fast64_t *memory_refused;
  _Atomic size_t memory;  // written by the running thread only
  int every;              // preempt after so many instructions; 0: by signals
  uint64_t order_seed;    // of pairs and next; 0: the plain order

  // A raise asked for by another thread. `lock` guards message and target.
  pthread_mutex_t lock;
  _Atomic int raise;        // enum raise_mode
  lua_State *raise_target;  // `main`: whatever runs
  char raise_message[LH_ERROR_TEXT_MAX];
  atomic_bool inside;     // `thread` is running Lua of this state...
  atomic_bool signalled;  // ...and may not leave while somebody signals it
  pthread_t thread;

  struct script_state *next_adopted;
};

// Bits in a coroutine's extra space.
enum {
  MARK_ACTOR = 1,  // the outermost coroutine of an actor: its yields are ours
  MARK_HELD = 2,   // suspended by us inside a resume of the user's: not the user's to resume
  MARK_STALE = 4,  // an error left its hook: hooks are off in it for good
  MARKS = 7,
};

// Changed by the running thread only, but lh_script_raise_in looks from another.
static inline _Atomic uintptr_t *script_extra(lua_State *L) {
  return (_Atomic uintptr_t *)lua_getextraspace(L);
}
static inline uintptr_t script_extra_get(lua_State *L) {
  return atomic_load_explicit(script_extra(L), memory_order_relaxed);
}
static inline void script_extra_set(lua_State *L, uintptr_t value) {
  atomic_store_explicit(script_extra(L), value, memory_order_relaxed);
}
static inline struct script_state *script_state_own(lua_State *L) {
  return (struct script_state *)(script_extra_get(L) & ~(uintptr_t)MARKS);
}
static inline bool script_marked(lua_State *L, uintptr_t mark) {
  return (script_extra_get(L) & mark) != 0;
}
static inline void script_mark(lua_State *L, uintptr_t mark) {
  script_extra_set(L, script_extra_get(L) | mark);
}
static inline void script_unmark(lua_State *L, uintptr_t mark) {
  script_extra_set(L, script_extra_get(L) & ~mark);
}

// Why a coroutine yielded. Everything but YIELD_USER passes outward through the user's own
// coroutines.
enum yield_reason { YIELD_USER, YIELD_WAIT, YIELD_PREEMPT, YIELD_EXIT, YIELD_RAISE };

// The thread's running Lua. `running` and `pending` are read and written by a signal handler, hence
// initial-exec: its first access must not allocate.
struct script_thread {
  lua_State *volatile running;    // the innermost running coroutine, or NULL
  volatile sig_atomic_t pending;  // an interrupt that has not been obeyed yet
  bool reachable;                 // `running` may yield as far out as lh_script_resume
  bool exiting;                   // lh_script_exit was called where it could not yield
  enum yield_reason reason;
  lua_State *base;          // what lh_script_resume or the outermost lh_script_call was given
  struct lh_error *report;  // where the running lh_script_call puts its error
};
extern __thread struct script_thread lh_script_thread __attribute__((tls_model("initial-exec")));

// What an entry into Lua changes in the thread's record, to be put back when it ends.
struct script_frame {
  lua_State *running, *base;
  bool reachable, exiting, inside;
};

// The record of any state, own or adopted. NULL for a stranger. Needs one free stack slot.
struct script_state *lh_script_state(lua_State *L);
// Registers `state` as the record of L and gives light userdata and error values their metatables.
// May raise.
void lh_script_register(lua_State *L, struct script_state *state);
void lh_script_state_init(struct script_state *state);
void lh_script_state_drop(struct script_state *state);

// Entering and leaving Lua on this thread. `state` may be NULL.
void lh_script_enter(struct script_state *state, lua_State *L, bool reachable,
                     struct script_frame *frame);
void lh_script_leave(struct script_state *state, const struct script_frame *frame);
// lua_resume of `co` as the running coroutine.
int lh_script_step(struct script_state *state, lua_State *co, lua_State *from, int nargs,
                   int *nresults);
// lua_resetthread as the running coroutine: closes what is to be closed.
int lh_script_close_coroutine(lua_State *co);
// Yields `nresults` for `reason`. The caller made sure that it may.
int lh_script_give_way(lua_State *L, enum yield_reason reason, int nresults, lua_KContext ctx,
                       lua_KFunction k);

// The reason of an exit that could not yield is kept in the registry: pushes it, and forgets it.
void lh_script_take_exit(lua_State *L);
bool lh_script_is_exit(lua_State *L, int index);

// Fills `error` from the value at `index` of `L` and the stack of `failed`; runs in any mode, never
// raises.
void lh_script_describe(lua_State *L, int index, lua_State *failed, int level,
                        struct lh_error *error);

// Sets the hook that gives way or raises. Async-signal-safe on the thread that runs `L`.
void lh_script_arm(lua_State *L, int count);

void lh_script_open_pids(lua_State *L);
void lh_script_open_errors(lua_State *L);
void lh_script_open_coroutines(lua_State *L);
void lh_script_open_loader(lua_State *L);
// Gives the table on top the metatable of error values; and whether the table at `index` has it.
void lh_script_make_error(lua_State *L);
bool lh_script_is_error(lua_State *L, int index);

#endif
