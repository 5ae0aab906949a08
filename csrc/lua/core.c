// core.c - the module luahub.core: one node a process, started and ended from the main program.
//
// The shared object is never unloaded (linked with -z nodelete), since threads run in it; the end
// of the main state, and exit(), join all threads first. Opening the module again (busted does, and
// every heap) is harmless: all state but the node is per Lua state.
#include "lua/internal.h"

#include "actor/actor.h"
#include "base/log.h"
#include "base/mem.h"
#include "env/env.h"
#include "script/script.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LH_VERSION "0.1.0"

enum { NS_PER_MS = 1000000 };

static _Atomic(struct lh_node *) current;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t reader_key;

struct lh_node *lh_core_node(lua_State *L) {
  const struct lh_actors *actors = lh_actors_of(L);
  return actors != NULL ? lh_actors_owner(actors) : NULL;
}

// --- threads that read the registry ---
static void leave_registry(void *entered) {
  (void)entered;
  lh_registry_thread_leave();
}

static void stop_node(void) {
  struct lh_node *node = atomic_exchange(&current, NULL);
  if (node == NULL) return;
  lh_actors_detach_main(lh_node_actors(node));
  lh_node_free(node);
}

static void prepare(void) {
  lh_links_prepare();
  pthread_key_create(&reader_key, leave_registry);
  (void)atexit(stop_node);
}

void lh_core_enter(void) {
  static __thread bool entered;
  if (entered) return;
  entered = true;
  lh_registry_thread_enter();
  pthread_setspecific(reader_key, &reader_key);
}

// --- buffers ---
static int buffer_gc(lua_State *L) {
  lh_buf_free(lua_touserdata(L, 1));
  return 0;
}

struct lh_buf *lh_core_buffer(lua_State *L) {
  struct lh_buf *buf = lua_newuserdatauv(L, sizeof(struct lh_buf), 0);
  *buf = LH_BUF_EMPTY;
  if (luaL_newmetatable(L, "luahub.core.buffer")) {
    lua_pushcfunction(L, buffer_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return buf;
}

// --- start ---
static const char *text_option(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const char *text = lua_isnil(L, -1) ? NULL : luaL_checkstring(L, -1);
  return text;  // stays on the stack, so the string lives until the call ends
}

static void read_joins(lua_State *L, struct lh_node_config *config) {
  lua_getfield(L, 1, "join");
  if (!lua_istable(L, -1)) return;
  const lua_Integer count = luaL_len(L, -1);
  if (count > LH_JOINS_MAX) luaL_error(L, "join: at most %d addresses", LH_JOINS_MAX);
  luaL_checkstack(L, (int)count + 8, "join");
  const int list = lua_gettop(L);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_geti(L, list, i);
    config->joins[config->join_count++] = luaL_checkstring(L, -1);
  }
}

static void set_log_level(const char *word) {
  static const char *const words[] = {"debug", "info", "warn", "error", "none"};
  for (size_t i = 0; word != NULL && i < sizeof words / sizeof words[0]; i++) {
    if (strcmp(word, words[i]) == 0) lh_log_set_level((enum lh_log_level)i);
  }
}

static int default_schedulers(void) {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > 64 ? 64 : (int)cores;
}

static void read_config(lua_State *L, struct lh_node_config *config) {
  config->name = text_option(L, "name");
  config->listen = text_option(L, "listen");
  config->advertise = text_option(L, "advertise");
  config->data_dir = text_option(L, "data_dir");
  config->allow_file = text_option(L, "allow_file");
  config->allowed = text_option(L, "allowed");
  config->runtime_dir = text_option(L, "runtime_dir");
  config->path = text_option(L, "path");
  config->cpath = text_option(L, "cpath");
  set_log_level(text_option(L, "log_level"));
  lua_getfield(L, 1, "schedulers");
  config->schedulers = (int)luaL_optinteger(L, -1, default_schedulers());
  lua_getfield(L, 1, "heap_memory");
  config->heap_memory = (size_t)luaL_optinteger(L, -1, 0) << 20;
  lua_getfield(L, 1, "handle_signals");
  config->handle_signals = lua_toboolean(L, -1);
  lua_getfield(L, 1, "hubs_to_come");
  config->hubs_to_come = lua_toboolean(L, -1);
  config->open_core = lh_core_open;
  read_joins(L, config);
  luaL_argcheck(L, config->name != NULL, 1, "name is missing");
}

static int node_gc(lua_State *L) {
  (void)L;
  stop_node();
  return 0;
}

// Ends the node when the state that started it is closed.
static void guard_state(lua_State *L) {
  lua_newuserdatauv(L, 1, 0);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, node_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, "luahub.core.node");
}

static lua_State *main_of(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return main;
}

static int core_start(lua_State *L) {
  struct lh_node_config config = {0};
  struct lh_error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  read_config(L, &config);
  const char *secret = text_option(L, "secret");
  if (secret != NULL && lh_secret_parse(&config.secret, secret, &error) != LH_OK)
    return lh_script_fail_with(L, &error);
  config.has_secret = secret != NULL;
  if (atomic_load(&current) != NULL)
    return lh_script_fail(L, "exists", "a node runs in this process already");
  guard_state(L);
  lh_core_enter();
  struct lh_node *node = lh_node_start(&config, &error);
  if (node == NULL) return lh_script_fail_with(L, &error);
  lh_script_set_runs(L, lh_node_runs(node));
  lh_actors_attach_main(lh_node_actors(node), main_of(L));
  atomic_store(&current, node);
  lua_pushboolean(L, 1);
  return 1;
}

static int core_stop_now(lua_State *L) {
  if (atomic_load(&current) != NULL) lh_script_set_runs(L, NULL);
  stop_node();
  return 0;
}

// --- small things ---
static int core_keygen(lua_State *L) {
  struct lh_secret secret;
  char text[LH_SECRET_TEXT_MAX];
  lh_secret_generate(&secret);
  lh_secret_format(&secret, text);
  lua_pushstring(L, text);
  return 1;
}

static int core_is_pid(lua_State *L) {
  lua_pushboolean(L, lh_script_to_pid(L, 1) != 0);
  return 1;
}

static int core_pid_node(lua_State *L) {
  struct lh_node *node = lh_core_node(L);
  const lh_pid pid = lh_script_check_pid(L, 1);
  lua_pushstring(L, node != NULL ? lh_runs_name(lh_node_runs(node), lh_pid_node(pid)) : "?");
  return 1;
}

uint64_t lh_core_now_ns(lua_State *L) {
  struct lh_env *env = lh_actor_env(L);
  return env != NULL ? lh_env_now_ns(env) : lh_env_uv_now_ns();
}

static int core_now(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)(lh_core_now_ns(L) / NS_PER_MS));
  return 1;
}

static int core_now_ns(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_core_now_ns(L));
  return 1;
}

// hook_done(slot, done, failed, text): the run of hook handlers that this is has taken so many
// events, of which so many failed, the first with this text
static int core_hook_done(lua_State *L) {
  struct lh_node *node = lh_core_node(L);
  const lua_Integer slot = luaL_checkinteger(L, 1);
  if (node != NULL && slot >= 0)
    lh_node_hook_done(node, (uint32_t)slot, (uint32_t)luaL_checkinteger(L, 2),
                      (uint32_t)luaL_checkinteger(L, 3), luaL_optstring(L, 4, NULL));
  return 0;
}

static int core_secret_check(lua_State *L) {
  struct lh_secret secret;
  struct lh_error error;
  if (lh_secret_parse(&secret, luaL_checkstring(L, 1), &error) != LH_OK)
    return lh_script_fail_with(L, &error);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
    {"hook_done", core_hook_done},
    {"is_pid", core_is_pid},
    {"keygen", core_keygen},
    {"now", core_now},
    {"now_ns", core_now_ns},
    {"pid_node", core_pid_node},
    {"secret_check", core_secret_check},
    {"start", core_start},
    {"stop_now", core_stop_now},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_luahub_core(lua_State *L);

int luaopen_luahub_core(lua_State *L) {
  luaL_checkversion(L);
  (void)pthread_once(&once, prepare);
  lh_script_adopt(L, NULL);
  luaL_newlib(L, functions);
  lua_pushstring(L, LH_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushinteger(L, LH_PROTOCOL_MAX);
  lua_setfield(L, -2, "protocol");
  lua_createtable(L, 0, 2);
  lh_script_push_ordered(L);
  lua_setfield(L, -3, "next");
  lua_setfield(L, -2, "pairs");
  lua_setfield(L, -2, "ordered");
  lh_core_open_query(L);
  lh_core_open_place(L);
  lh_core_open_within(L);
  lh_core_open_control(L);
  lh_core_open_world(L);
  lh_actor_open(L);
  return 1;
}

int lh_core_open(void *lua_state) { return luaopen_luahub_core(lua_state); }
