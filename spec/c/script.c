// rooms: base wire script
//
// luahub_test.script - drives csrc/script: values in the test's own state (adopted), and programs
// in states of ours, run as calls or as actors that wait, are preempted after every so many
// instructions or by signals, exit, or are made to raise from another thread. Values pass between
// the states by the wire.
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "script/script.h"

enum { TURNS_MAX = 5000000, VALUE_MAX = 16 * 1024 * 1024 };

// The thread sanitizer holds signals back while no system call is made: there the hook looks by
// itself.
#ifdef __SANITIZE_THREAD__
enum { LOOK_EVERY = 1000 };
#else
enum { LOOK_EVERY = 0 };
#endif

static struct lh_runs *runs;
static const char STATE_TYPE[] = "luahub_test.script.state";

struct state {
  lua_State *L;
  lua_State *co;  // of the run, while it runs
  sem_t ready;    // posted by the program's ready()
  atomic_bool over;
  pthread_t runner;
};

// --- values ---
static int push_failure(lua_State *L, int err, const struct lh_error *error) {
  lua_pushnil(L);
  lua_pushstring(L, error->text);
  lua_pushstring(L, lh_err_name(err));
  return 3;
}

static int encode(lua_State *L) {
  struct lh_buf out = LH_BUF_EMPTY;
  struct lh_error error = {0};
  lh_buf_append(&out, "x", 1);
  const int err =
      lh_value_encode(L, 1, &out, (size_t)luaL_optinteger(L, 2, VALUE_MAX), runs, &error);
  if (err < 0 && out.len != 1) luaL_error(L, "the buffer was left longer after a failure");
  if (err == 0) lua_pushlstring(L, (const char *)out.data + 1, out.len - 1);
  lh_buf_free(&out);
  return err == 0 ? 1 : push_failure(L, err, &error);
}

static int decode(lua_State *L) {
  size_t len;
  const char *data = luaL_checklstring(L, 1, &len);
  const int top = lua_gettop(L);
  const int count = lh_value_decode(L, lh_bytes(data, len), (int)luaL_optinteger(L, 2, 1), runs);
  if (count >= 0) return count;
  if (lua_gettop(L) != top) luaL_error(L, "the stack was left higher after a failure");
  lua_pushnil(L);
  lua_pushstring(L, lh_err_name(count));
  return 2;
}

static int copy(lua_State *L) {
  struct lh_error error = {0};
  const int err = lh_value_copy(L, 1, &error);
  return err == 0 ? 1 : push_failure(L, err, &error);
}

static int pid(lua_State *L) {
  struct lh_run run = {.epoch = 1};
  const char *name = luaL_checkstring(L, 1);
  memcpy(run.id.bytes, name,
         strlen(name) < sizeof run.id.bytes ? strlen(name) : sizeof run.id.bytes);
  const uint32_t node = lh_runs_index(runs, &run);
  lh_runs_set_name(runs, node, name);
  const uint64_t local =
      lh_pid_local_make((uint32_t)luaL_checkinteger(L, 2), (uint32_t)luaL_checkinteger(L, 3),
                        (uint32_t)luaL_checkinteger(L, 4));
  lh_script_push_pid(L, lh_pid_make(node, local));
  return 1;
}

static int null(lua_State *L) {
  lua_pushlightuserdata(L, NULL);
  return 1;
}

static int fail(lua_State *L) {
  return lh_script_fail(L, luaL_checkstring(L, 1), "%s", luaL_checkstring(L, 2));
}

static int ordered(lua_State *L) {
  lh_script_push_ordered(L);
  return 2;
}

// --- what programs may call ---
static struct state *owner(lua_State *L) { return lh_script_owner(L); }

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return lua_gettop(L) - (int)ctx;
}

static int program_wait(lua_State *L) { return lh_script_wait(L, lua_gettop(L), wait_k); }

static int program_can_wait(lua_State *L) {
  lua_pushboolean(L, lh_script_can_wait(L));
  return 1;
}

static int program_exit(lua_State *L) {
  lua_settop(L, 1);
  return lh_script_exit(L);
}

static int program_ready(lua_State *L) {
  sem_post(&owner(L)->ready);
  return 0;
}

// A yield as a C library would do it, not through coroutine.yield.
static int program_raw_yield(lua_State *L) { return lua_yield(L, lua_gettop(L)); }

static int open_core(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"wait", program_wait},
      {"can_wait", program_can_wait},
      {"exit", program_exit},
      {"ready", program_ready},
      {"raw_yield", program_raw_yield},
      {"fail", fail},
      {"pid", pid},
      {"ordered", ordered},
      {NULL, NULL},
  };
  luaL_newlib(L, functions);
  return 1;
}

// --- states ---
static struct state *check_state(lua_State *L) {
  struct state *state = luaL_checkudata(L, 1, STATE_TYPE);
  luaL_argcheck(L, state->L != NULL, 1, "closed");
  return state;
}

static const char *option(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const char *value = lua_tostring(L, -1);
  lua_pop(L, 1);
  return value;
}

// open { path =, memory = }
static int open_state(lua_State *L) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) lua_newtable(L), lua_replace(L, 1);
  struct lh_script_config config = {
      .path = option(L, "path"), .open_core = open_core, .runs = runs};
  lua_getfield(L, 1, "memory");
  config.memory_max = (size_t)lua_tointeger(L, -1);
  struct state *state = lua_newuserdatauv(L, sizeof *state, 0);
  memset(state, 0, sizeof *state);
  sem_init(&state->ready, 0, 0);
  luaL_setmetatable(L, STATE_TYPE);
  struct lh_error error = {0};
  state->L = lh_script_open(&config, state, &error);
  if (state->L != NULL) return 1;
  return push_failure(L, LH_ENOMEM, &error);
}

static int close_state(lua_State *L) {
  struct state *state = luaL_checkudata(L, 1, STATE_TYPE);
  if (state->L == NULL) return 0;
  lh_script_close(state->L);
  sem_destroy(&state->ready);
  state->L = NULL;
  return 0;
}

static int memory(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_script_memory(check_state(L)->L));
  return 1;
}

// Moves the top `count` values of `from` to L, by the wire.
static int bring(lua_State *L, lua_State *from, int count) {
  struct lh_buf out = LH_BUF_EMPTY;
  struct lh_error error = {0};
  for (int i = -count; i < 0; i++) {
    if (lh_value_encode(from, i, &out, VALUE_MAX, runs, &error) == 0) continue;
    lua_pushstring(from, luaL_typename(from, i));
    (void)lh_value_encode(from, -1, &out, VALUE_MAX, runs, &error);
    lua_pop(from, 1);
  }
  lua_pop(from, count);
  const int got = lh_value_decode(L, lh_bytes_of(&out), count, runs);
  lh_buf_free(&out);
  return got;
}

// Pushes the program's function on `to`; an error text of the compiler is raised here.
static void load(lua_State *L, lua_State *to) {
  size_t len;
  const char *code = luaL_checklstring(L, 2, &len);
  if (luaL_loadbufferx(to, code, len, "=program", "t") == LUA_OK) return;
  lua_pushstring(L, lua_tostring(to, -1));
  lua_pop(to, 1);
  lua_error(L);
}

// state:call(code) -> true, results... | false, error text, code
static int call(lua_State *L) {
  struct state *state = check_state(L);
  struct lh_error error = {0};
  const int base = lua_gettop(state->L);
  load(L, state->L);
  const int err = lh_script_call(state->L, 0, LUA_MULTRET, &error);
  lua_pushboolean(L, err == 0);
  if (err == 0) return 1 + bring(L, state->L, lua_gettop(state->L) - base);
  if (lua_gettop(state->L) != base) luaL_error(L, "the stack was left higher after a failure");
  lua_pushstring(L, error.text);
  lua_pushstring(L, error.code);
  return 3;
}

static void push_end(lua_State *L, enum lh_script_end end) {
  static const char *const names[] = {"done", "waits", "preempted", "failed", "exited"};
  lua_pushstring(L, names[end]);
}

struct turns {
  lua_Integer waits, preemptions;
};

// What another actor of the same state might do during a wait: the global function `meanwhile`.
static void run_meanwhile(lua_State *L) {
  if (lua_getglobal(L, "meanwhile") == LUA_TFUNCTION) {
    (void)lh_script_call(L, 0, 0, NULL);
  } else {
    lua_pop(L, 1);
  }
}

// Resumes until the program ends. Every wait is answered with its number.
static enum lh_script_end resume_all(struct state *state, int *nresults, struct turns *turns,
                                     struct lh_error *error) {
  int nargs = 0;
  for (int i = 0; i < TURNS_MAX; i++) {
    const enum lh_script_end end = lh_script_resume(state->co, NULL, nargs, nresults, error);
    nargs = 0;
    if (end == LH_SCRIPT_WAITS) {
      run_meanwhile(state->L);
      lua_pushinteger(state->co, ++turns->waits);
      nargs = 1;
    } else if (end == LH_SCRIPT_PREEMPTED) {
      turns->preemptions++;
    } else {
      return end;
    }
  }
  return LH_SCRIPT_PREEMPTED;
}

// Runs what `load` left on state->co. Pushes end, turns, and results, or error text and value.
static int run_loaded(lua_State *L, struct state *state) {
  struct lh_error error = {0};
  struct turns turns = {0};
  int count = 0;
  const enum lh_script_end end = resume_all(state, &count, &turns, &error);
  push_end(L, end);
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, turns.waits);
  lua_setfield(L, -2, "waits");
  lua_pushinteger(L, turns.preemptions);
  lua_setfield(L, -2, "preemptions");
  int pushed = 2;
  if (end == LH_SCRIPT_FAILED) {
    lua_pushstring(L, error.text);
    pushed++;
  }
  pushed += bring(L, state->co, count);
  lua_pushboolean(L, lh_script_reset(state->co));
  lua_setfield(L, -pushed, "reusable");
  return pushed;
}

// state:run(code, every) -> end, { waits, preemptions, reusable }, results...
static int run(lua_State *L) {
  struct state *state = check_state(L);
  lh_script_preempt_every(state->L, (int)luaL_optinteger(L, 3, 0));
  state->co = lua_newthread(state->L);
  load(L, state->co);
  const int pushed = run_loaded(L, state);
  lua_settop(state->L, 0);
  return pushed;
}

// --- other threads ---
static void on_urgent(int number) {
  (void)number;
  lh_script_interrupt_this_thread();
}

static void *signal_often(void *data) {
  struct state *state = data;
  while (!atomic_load(&state->over)) {
    pthread_kill(state->runner, SIGURG);
    for (int i = 0; i < 2000 && !atomic_load(&state->over); i++)
      atomic_thread_fence(memory_order_seq_cst);
  }
  return NULL;
}

// state:run_interrupted(code): as run, with signals as fast as another thread can send them.
static int run_interrupted(lua_State *L) {
  struct state *state = check_state(L);
  pthread_t thread;
  lh_script_preempt_every(state->L, 0);
  state->co = lua_newthread(state->L);
  load(L, state->co);
  state->runner = pthread_self();
  atomic_store(&state->over, false);
  pthread_create(&thread, NULL, signal_often, state);
  const int pushed = run_loaded(L, state);
  atomic_store(&state->over, true);
  pthread_join(thread, NULL);
  lua_settop(state->L, 0);
  return pushed;
}

struct raiser {
  struct state *state;
  bool persistent;
};

static void *raise_when_ready(void *data) {
  const struct raiser *raiser = data;
  sem_wait(&raiser->state->ready);
  lh_script_raise_in(raiser->state->co, "stop now", raiser->persistent);
  return NULL;
}

// state:run_and_raise(code, persistent): another thread makes it raise once it has called ready().
static int run_and_raise(lua_State *L) {
  struct raiser raiser = {.state = check_state(L), .persistent = lua_toboolean(L, 3)};
  struct state *state = raiser.state;
  pthread_t thread;
  lh_script_preempt_every(state->L, LOOK_EVERY);
  state->co = lua_newthread(state->L);
  load(L, state->co);
  pthread_create(&thread, NULL, raise_when_ready, &raiser);
  const int pushed = run_loaded(L, state);
  pthread_join(thread, NULL);
  lh_script_raise_cancel(state->co);
  lua_settop(state->L, 0);
  return pushed;
}

__attribute__((visibility("default"))) int luaopen_luahub_test_script(lua_State *L);

int luaopen_luahub_test_script(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"encode", encode}, {"decode", decode},   {"copy", copy},       {"pid", pid}, {"null", null},
      {"fail", fail},     {"ordered", ordered}, {"open", open_state}, {NULL, NULL},
  };
  static const luaL_Reg methods[] = {
      {"call", call},
      {"run", run},
      {"run_interrupted", run_interrupted},
      {"run_and_raise", run_and_raise},
      {"memory", memory},
      {"close", close_state},
      {NULL, NULL},
  };
  if (runs == NULL) runs = lh_runs_new();
  const struct sigaction action = {.sa_handler = on_urgent, .sa_flags = SA_RESTART};
  sigaction(SIGURG, &action, NULL);
  lh_script_adopt(L, runs);
  luaL_newmetatable(L, STATE_TYPE);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, close_state);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, functions);
  return 1;
}
