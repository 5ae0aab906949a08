// script.h - the door between C and Lua: states, protected calls, values to wire and back,
// preemption.
//
// No Lua error crosses a C callback: everything that runs Lua goes through lh_script_call
// (callbacks that must return at once) or lh_script_resume (actors: may wait, may be preempted).
// These two are the only callers of lua_pcall and lua_resume. Errors become a `struct lh_error`
// with a traceback in its text.
//
// Threads: a lua_State is used by one thread at a time. The state of preemption is per thread.
#ifndef LH_SCRIPT_SCRIPT_H
#define LH_SCRIPT_SCRIPT_H

#include <lua.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/runs.h"

// --- states ---
struct lh_script_config {
  const char *path, *cpath;  // put in front of package.path / package.cpath; may be NULL
  lua_CFunction open_core;   // becomes package.preload["luahub.core"]
  size_t memory_max;         // bytes; 0 is no limit. Past it allocations fail (a Lua memory error)
  atomic_uint_fast64_t *memory_refused;  // counts what failed so; NULL: nobody counts
  const struct lh_runs *runs;
};
// A state with the standard libraries, our coroutine functions, a searcher that loads a module's
// file once per process (bytecode cache), the pid metatable. NULL and `error` when memory is
// refused or a library fails. `owner` is found again with lh_script_owner in constant time from any
// coroutine of the state.
lua_State *lh_script_open(const struct lh_script_config *config, void *owner,
                          struct lh_error *error);
void lh_script_close(lua_State *L);
void *lh_script_owner(lua_State *L);    // of states made by lh_script_open only
size_t lh_script_memory(lua_State *L);  // bytes allocated by the state
// Makes a state that was not made by us (lua5.4's own) fit for pids, error values and
// lh_script_raise_in. Its coroutine functions stay Lua's own: nothing waits or is preempted in it.
// Harmless when done before. May raise.
void lh_script_adopt(lua_State *L, const struct lh_runs *runs);
// An adopted state outlives the node whose names its pids print: the node's table while it runs,
// NULL when it ended.
void lh_script_set_runs(lua_State *L, const struct lh_runs *runs);

// --- pids and errors as Lua values ---
// A pid is a light userdata; NULL is not a pid. tostring gives "<n1.3.17.1>"
// (node.heap.slot.serial).
void lh_script_push_pid(lua_State *L, lh_pid pid);  // nil for 0
lh_pid lh_script_to_pid(lua_State *L, int index);   // 0 when it is none
lh_pid lh_script_check_pid(lua_State *L, int arg);  // raises at the caller's level
// An error value: a table { code = ..., message = ... } whose tostring is the message. Pushes nil
// and it; answers 2, so that C functions write `return lh_script_fail(...)`.
int lh_script_fail(lua_State *L, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int lh_script_fail_with(lua_State *L, const struct lh_error *error);
void lh_script_push_error(lua_State *L, const char *code, const char *message);

// --- values --- nil, booleans, integers, floats, strings, pids, tables (a sequence travels as an
// array, else a map; keys: booleans, numbers, strings, pids; error values keep their metatable: on
// the wire they are maps whose first pair is nil = true, which no Lua table has). Refused, with the
// path of the offender in the text ("message.items[3].fn: a function cannot be sent"): functions,
// userdata, coroutines, cycles, depth over LH_WIRE_DEPTH_USER, size over `max` bytes. Never raises.
// Appends to `out`, which keeps its length on failure. Map keys are written in order (booleans,
// numbers, pids, strings by bytes), so that equal tables encode equally. LH_EINVAL, or LH_ELIMIT
// for what is too deep or too large.
int lh_value_encode(lua_State *L, int index, struct lh_buf *out, size_t max,
                    const struct lh_runs *runs, struct lh_error *error);
// Pushes `want` values (or all, when -1) that stand one after another in `input`. Call it in
// protected mode only (it may raise for memory). Answers how many it pushed, or LH_EFORMAT /
// LH_ELIMIT and pushes nothing.
int lh_value_decode(lua_State *L, struct lh_bytes input, int want, struct lh_runs *runs);
// Deep copy of the value at `index` within one state, by the same rules; pushes it. For messages in
// a heap. 0, or what lh_value_encode answers and nothing pushed. In protected mode only, as decode.
int lh_value_copy(lua_State *L, int index, struct lh_error *error);

// --- the doorway for callbacks ---
// The stack holds function and `nargs` arguments on top, as for lua_pcall. Never raises. 0 and the
// results, or LH_EFAILED and nothing, with the message and its traceback in `error` (which may be
// NULL); its code is that of the raised error value, else "failed".
int lh_script_call(lua_State *L, int nargs, int nresults, struct lh_error *error);
// Runs C code that may raise (memory): fn(L, data) inside a protected call, without touching the
// stack above.
int lh_script_guard(lua_State *L, void (*fn)(lua_State *L, void *data), void *data,
                    struct lh_error *error);

// --- the doorway for actors ---
enum lh_script_end {
  LH_SCRIPT_DONE,       // returned; results on the coroutine's stack
  LH_SCRIPT_WAITS,      // one of our waiting functions yielded (lh_script_wait)
  LH_SCRIPT_PREEMPTED,  // gave way; resume it later with no arguments
  LH_SCRIPT_FAILED,  // raised; `error` has text and traceback, the raised value is on the stack top
  LH_SCRIPT_EXITED,  // lh_script_exit was called; the reason is on the stack top
};
// Starts (function and arguments on `co`) or continues (results of the wait on `co`) a coroutine.
enum lh_script_end lh_script_resume(lua_State *co, lua_State *from, int nargs, int *nresults,
                                    struct lh_error *error);
// After DONE, FAILED or EXITED: closes what the coroutine had to close and empties its stack. False
// when it is not fit for another function (lh_script_raise_in made it fail, and its hooks stay
// off): drop it.
bool lh_script_reset(lua_State *co);
// From a C function called by Lua: true when the running code may wait here (no C call between).
bool lh_script_can_wait(lua_State *L);
// Yields to lh_script_resume through any coroutines of the user's own; `k` continues with the
// values that the next resume passed. Use as `return lh_script_wait(L, ctx, k)`.
int lh_script_wait(lua_State *L, lua_KContext ctx, lua_KFunction k);
// Ends the actor with the value on the stack top as reason; cannot be caught by pcall: it yields,
// or where C is between raises until it can. Under lh_script_call it makes that fail. Use as
// `return lh_script_exit(L)`.
int lh_script_exit(lua_State *L);

// --- preemption ---
// Async-signal-safe, on the thread whose Lua should give way (a SIGURG handler calls it): sets a
// count hook on the coroutine that runs now; it yields where it can, and otherwise tries again
// soon.
void lh_script_interrupt_this_thread(void);
// From any thread, while `L` is sure to live: its Lua raises `message` at its next instruction (a
// REPL's Ctrl-C). `L` is a main thread (whatever the state runs) or what lh_script_resume runs
// (that alone). With `persistent` (a stop order) lh_script_resume answers LH_SCRIPT_FAILED without
// asking any pcall, or where C is between the error is raised again after each pcall; until
// cancelled. The running thread is sent SIGURG, whose handler is to call
// lh_script_interrupt_this_thread; without one, what runs notices at its next interrupt or
// coroutine switch. Finalizers run without hooks and notice nothing.
void lh_script_raise_in(lua_State *L, const char *message, bool persistent);
void lh_script_raise_cancel(lua_State *L);
// Without signals (simulator, thread sanitizer): whatever lh_script_resume runs in this state gives
// way after so many instructions. 0 ends that.
void lh_script_preempt_every(lua_State *L, int instructions);

// --- fixed order ---
// pairs and next that visit keys in a fixed order: booleans, numbers ascending, pids (by node id,
// epoch, number), strings by bytes; other keys are refused with an error. Pushes two functions:
// pairs, next.
void lh_script_push_ordered(lua_State *L);
// From now on the two visit keys of this state (one of ours) in another order that `seed` decides,
// as fixed as the first, to show who relies on that. 0: the first.
void lh_script_shuffle_order(lua_State *L, uint64_t seed);

#endif
