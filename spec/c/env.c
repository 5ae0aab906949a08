// rooms: base env
// env.c - luahub_test.env: environments, of the machine and simulated, with Lua functions as
// callbacks.
//
// Every object is a userdata that points to the C one, anchored in the registry (by `ref`) until it
// is closed; its user value 1 is the function or table of handlers. An error in a callback stops
// the run and is raised from it.
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "base/mem.h"
#include "env/env.h"
#include "env/sim.h"

static const char ENV[] = "luahub_test.env";
static const char SIM[] = "luahub_test.sim";
static const char TIMER[] = "luahub_test.timer";
static const char STREAM[] = "luahub_test.stream";
static const char LISTENER[] = "luahub_test.listener";
static const char DGRAM[] = "luahub_test.dgram";

struct object {
  lua_State *L;
  struct lh_env *env;
  void *at;  // the C object; NULL after it was closed
  int ref;
};

// The error that a callback raised, until the run that it happened in ends.
static int failure = LUA_NOREF;

// --- objects ---

static struct object *new_object(lua_State *L, struct lh_env *env, const char *class, int handler) {
  struct object *object = lua_newuserdatauv(L, sizeof *object, 1);
  *object = (struct object){.L = L, .env = env};
  luaL_setmetatable(L, class);
  if (handler != 0) {
    lua_pushvalue(L, handler);
    (void)lua_setiuservalue(L, -2, 1);
  }
  lua_pushvalue(L, -1);
  object->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return object;
}

static void forget(struct object *object) {
  object->at = NULL;
  luaL_unref(object->L, LUA_REGISTRYINDEX, object->ref);
  object->ref = LUA_NOREF;
}

static struct object *check_object(lua_State *L, const char *class) {
  struct object *object = luaL_checkudata(L, 1, class);
  luaL_argcheck(L, object->at != NULL, 1, "closed");
  return object;
}

// Pushes the handler (or its field `name`); false when there is none.
static bool push_handler(const struct object *object, const char *name) {
  lua_State *L = object->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, object->ref);
  (void)lua_getiuservalue(L, -1, 1);
  lua_remove(L, -2);
  if (name != NULL && lua_istable(L, -1)) {
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
  }
  if (lua_isfunction(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

static void call(lua_State *L, struct lh_env *env, int args) {
  if (lua_pcall(L, args, 0, 0) == LUA_OK) return;
  if (failure == LUA_NOREF) {
    failure = luaL_ref(L, LUA_REGISTRYINDEX);
  } else {
    lua_pop(L, 1);
  }
  lh_env_stop(env);
}

static int raise_failure(lua_State *L) {
  if (failure == LUA_NOREF) return 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, failure);
  luaL_unref(L, LUA_REGISTRYINDEX, failure);
  failure = LUA_NOREF;
  return lua_error(L);
}

static struct lh_addr check_addr(lua_State *L, int arg) {
  struct lh_addr addr;
  luaL_argcheck(L, lh_addr_parse(&addr, luaL_checkstring(L, arg)) == 0, arg,
                "numeric address expected");
  return addr;
}

static int push_addr(lua_State *L, const struct lh_addr *addr) {
  char text[LH_ADDR_TEXT_MAX];
  lh_addr_format(addr, text);
  lua_pushstring(L, text);
  return 1;
}

static int push_error(lua_State *L, const struct lh_error *error) {
  lua_pushnil(L);
  lua_pushstring(L, error->code);
  lua_pushstring(L, error->text);
  return 3;
}

static struct lh_env *check_env(lua_State *L) { return check_object(L, ENV)->at; }

// --- timers ---

static void timer_fires(void *self, lh_ms now) {
  const struct object *object = self;
  if (!push_handler(object, NULL)) return;
  lua_pushinteger(object->L, now);
  call(object->L, object->env, 1);
}

static int env_timer(lua_State *L) {
  struct lh_env *env = check_env(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  struct object *object = new_object(L, env, TIMER, 2);
  object->at = lh_timer_new(env, timer_fires, object);
  return 1;
}

static int timer_set(lua_State *L) {
  lh_timer_set(check_object(L, TIMER)->at, luaL_checkinteger(L, 2));
  lua_settop(L, 1);
  return 1;
}

// In `ms` from now; without it, never.
static int timer_after(lua_State *L) {
  const struct object *object = check_object(L, TIMER);
  const lh_ms at =
      lua_isnoneornil(L, 2) ? LH_NEVER : lh_env_now(object->env) + luaL_checkinteger(L, 2);
  lh_timer_set(object->at, at);
  lua_settop(L, 1);
  return 1;
}

static int timer_free(lua_State *L) {
  struct object *object = check_object(L, TIMER);
  lh_timer_free(object->at);
  forget(object);
  return 0;
}

// --- streams ---

static void stream_connected(void *self) {
  const struct object *object = self;
  if (push_handler(object, "connected")) call(object->L, object->env, 0);
}

static void stream_data(void *self, const uint8_t *data, size_t len) {
  const struct object *object = self;
  if (!push_handler(object, "data")) return;
  lua_pushlstring(object->L, (const char *)data, len);
  call(object->L, object->env, 1);
}

static void stream_writable(void *self) {
  const struct object *object = self;
  if (push_handler(object, "writable")) call(object->L, object->env, 0);
}

static void stream_closed(void *self, int err, const char *reason) {
  const struct object *object = self;
  if (!push_handler(object, "closed")) return;
  lua_pushstring(object->L, lh_err_name(err));
  lua_pushstring(object->L, reason);
  call(object->L, object->env, 2);
}

static const struct lh_stream_ops stream_ops = {stream_connected, stream_data, stream_writable,
                                                stream_closed};

// dial(address, handlers); with a path instead of an address, a unix socket.
static int env_dial(lua_State *L) {
  struct lh_env *env = check_env(L);
  const char *to = luaL_checkstring(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  struct object *object = new_object(L, env, STREAM, 3);
  if (*to == '/') {
    object->at = lh_stream_dial_unix(env, to, &stream_ops, object);
  } else {
    const struct lh_addr addr = check_addr(L, 2);
    object->at = lh_stream_dial(env, &addr, &stream_ops, object);
  }
  return 1;
}

static void on_accept(void *self, struct lh_stream *stream) {
  const struct object *listener = self;
  lua_State *L = listener->L;
  if (!push_handler(listener, NULL)) {
    lh_stream_close(stream);
    return;
  }
  lua_newtable(L);
  struct object *object = new_object(L, listener->env, STREAM, lua_gettop(L));
  object->at = stream;
  lh_stream_set_ops(stream, &stream_ops, object);
  lua_remove(L, -2);
  call(L, listener->env, 1);
}

// The handlers of an accepted stream.
static int stream_handle(lua_State *L) {
  (void)check_object(L, STREAM);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  (void)lua_setiuservalue(L, 1, 1);
  return 1;
}

static int stream_send(lua_State *L) {
  const struct object *object = check_object(L, STREAM);
  size_t len = 0;
  const char *data = luaL_checklstring(L, 2, &len);
  const ssize_t taken = lh_stream_send(object->at, data, len);
  if (taken >= 0) {
    lua_pushinteger(L, taken);
  } else {
    lua_pushstring(L, lh_err_name((int)taken));
  }
  return 1;
}

static int stream_want_write(lua_State *L) {
  lh_stream_want_write(check_object(L, STREAM)->at);
  return 0;
}
static int stream_pause(lua_State *L) {
  lh_stream_pause(check_object(L, STREAM)->at, lua_toboolean(L, 2));
  return 0;
}
static int stream_peer(lua_State *L) {
  return push_addr(L, lh_stream_peer(check_object(L, STREAM)->at));
}
static int stream_uid(lua_State *L) {
  lua_pushinteger(L, lh_stream_peer_uid(check_object(L, STREAM)->at));
  return 1;
}
static int stream_close(lua_State *L) {
  struct object *object = check_object(L, STREAM);
  lh_stream_close(object->at);
  forget(object);
  return 0;
}

// listen(address or path, function(stream)): the listener, or nil, code, text.
static int env_listen(lua_State *L) {
  struct lh_env *env = check_env(L);
  const char *at = luaL_checkstring(L, 2);
  struct lh_error error = {0};
  luaL_checktype(L, 3, LUA_TFUNCTION);
  struct object *object = new_object(L, env, LISTENER, 3);
  if (*at == '/') {
    object->at = lh_listen_unix(env, at, on_accept, object, &error);
  } else {
    const struct lh_addr addr = check_addr(L, 2);
    object->at = lh_listen(env, &addr, on_accept, object, &error);
  }
  if (object->at != NULL) return 1;
  forget(object);
  return push_error(L, &error);
}

static int listener_addr(lua_State *L) {
  struct lh_addr addr;
  lh_listener_addr(check_object(L, LISTENER)->at, &addr);
  return push_addr(L, &addr);
}
static int listener_close(lua_State *L) {
  struct object *object = check_object(L, LISTENER);
  lh_listener_close(object->at);
  forget(object);
  return 0;
}

// --- datagrams ---

static void on_dgram(void *self, const struct lh_addr *from, const uint8_t *data, size_t len) {
  const struct object *object = self;
  if (!push_handler(object, NULL)) return;
  (void)push_addr(object->L, from);
  lua_pushlstring(object->L, (const char *)data, len);
  call(object->L, object->env, 2);
}

static int env_dgram(lua_State *L) {
  struct lh_env *env = check_env(L);
  const struct lh_addr addr = check_addr(L, 2);
  struct lh_error error = {0};
  struct object *object = new_object(L, env, DGRAM, 3);
  object->at = lh_dgram_open(env, &addr, on_dgram, object, &error);
  if (object->at != NULL) return 1;
  forget(object);
  return push_error(L, &error);
}

static int dgram_addr(lua_State *L) {
  struct lh_addr addr;
  lh_dgram_addr(check_object(L, DGRAM)->at, &addr);
  return push_addr(L, &addr);
}
static int dgram_send(lua_State *L) {
  const struct object *object = check_object(L, DGRAM);
  const struct lh_addr to = check_addr(L, 2);
  size_t len = 0;
  const char *data = luaL_checklstring(L, 3, &len);
  lua_pushstring(L, lh_err_name(lh_dgram_send(object->at, &to, data, len)));
  return 1;
}
static int dgram_close(lua_State *L) {
  struct object *object = check_object(L, DGRAM);
  lh_dgram_close(object->at);
  forget(object);
  return 0;
}

// --- the environment itself ---

static int new_env(lua_State *L, struct lh_env *env) {
  new_object(L, env, ENV, 0)->at = env;
  return 1;
}

static int new_uv(lua_State *L) { return new_env(L, lh_env_uv_new()); }

static int env_free(lua_State *L) {
  struct object *object = check_object(L, ENV);
  lh_env_free(object->at);
  forget(object);
  return 0;
}

static int env_run(lua_State *L) {
  lh_env_run(check_env(L));
  return raise_failure(L);
}
static int env_stop(lua_State *L) {
  lh_env_stop(check_env(L));
  return 0;
}
static int env_now(lua_State *L) {
  lua_pushinteger(L, lh_env_now(check_env(L)));
  return 1;
}

static int env_random(lua_State *L) {
  char bytes[64];
  lh_env_random(check_env(L), bytes, sizeof bytes);
  lua_pushlstring(L, bytes, sizeof bytes);
  return 1;
}

// An object without a C one behind it: a function that is called once.
static struct object *new_once(lua_State *L, struct lh_env *env, int handler) {
  struct object *object = new_object(L, env, TIMER, handler);
  lua_pop(L, 1);
  return object;
}

static void posted(void *data) {
  struct object *object = data;
  const bool known = push_handler(object, NULL);
  lua_State *L = object->L;
  struct lh_env *env = object->env;
  forget(object);
  if (known) call(L, env, 0);
}

static int env_post(lua_State *L) {
  struct lh_env *env = check_env(L);
  struct object *object = new_once(L, env, 2);
  const int err = lh_env_post(env, posted, object);
  if (err != 0) forget(object);
  lua_pushstring(L, lh_err_name(err));
  return 1;
}

static void stalled(void *self, lh_ms now, lh_ms gap) {
  const struct object *object = self;
  if (!push_handler(object, NULL)) return;
  lua_pushinteger(object->L, now);
  lua_pushinteger(object->L, gap);
  call(object->L, object->env, 2);
}

static int env_on_stall(lua_State *L) {
  struct lh_env *env = check_env(L);
  lh_env_on_stall(env, stalled, new_once(L, env, 2));
  return 0;
}

static void signalled(void *self, int signal_number) {
  const struct object *object = self;
  if (!push_handler(object, NULL)) return;
  lua_pushinteger(object->L, signal_number);
  call(object->L, object->env, 1);
}

static int env_on_signal(lua_State *L) {
  struct lh_env *env = check_env(L);
  lh_env_on_signal(env, (int)luaL_checkinteger(L, 2), signalled, new_once(L, env, 3));
  return 0;
}

static void resolved(void *self, int err, const struct lh_addr *addrs, size_t count) {
  struct object *object = self;
  lua_State *L = object->L;
  struct lh_env *env = object->env;
  const bool known = push_handler(object, NULL);
  forget(object);
  if (!known) return;
  lua_pushstring(L, lh_err_name(err));
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    (void)push_addr(L, &addrs[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  call(L, env, 2);
}

static int env_resolve(lua_State *L) {
  struct lh_env *env = check_env(L);
  const char *host = luaL_checkstring(L, 2);
  lh_resolve(env, host, (uint16_t)luaL_checkinteger(L, 3), resolved, new_once(L, env, 4));
  return 0;
}

static int env_read(lua_State *L) {
  struct lh_buf out = LH_BUF_EMPTY;
  struct lh_error error = {0};
  const size_t max = (size_t)luaL_optinteger(L, 3, 1 << 20);
  const int err = lh_file_read(check_env(L), luaL_checkstring(L, 2), max, &out, &error);
  if (err == 0) lua_pushlstring(L, out.len > 0 ? (const char *)out.data : "", out.len);
  lh_buf_free(&out);
  return err == 0 ? 1 : push_error(L, &error);
}

static int env_write(lua_State *L) {
  struct lh_error error = {0};
  size_t len = 0;
  const char *data = luaL_checklstring(L, 3, &len);
  const int mode = (int)luaL_optinteger(L, 4, 0600);
  if (lh_file_write(check_env(L), luaL_checkstring(L, 2), lh_bytes(data, len), mode, &error) != 0) {
    return push_error(L, &error);
  }
  lua_pushboolean(L, 1);
  return 1;
}

// The environment as a pointer, for luahub_test.env_machine.
static int env_pointer(lua_State *L) {
  lua_pushlightuserdata(L, check_env(L));
  return 1;
}

// --- the simulated world ---

static struct lh_sim *check_sim(lua_State *L) { return check_object(L, SIM)->at; }

static int new_sim(lua_State *L) {
  new_object(L, NULL, SIM, 0)->at = lh_sim_new((uint64_t)luaL_checkinteger(L, 1));
  return 1;
}
static int sim_free(lua_State *L) {
  struct object *object = check_object(L, SIM);
  lh_sim_free(object->at);
  forget(object);
  return 0;
}
#include "env_sim.h"

// --- the module ---

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static const luaL_Reg env_methods[] = {
    {"free", env_free},
    {"run", env_run},
    {"stop", env_stop},
    {"now", env_now},
    {"random", env_random},
    {"post", env_post},
    {"on_stall", env_on_stall},
    {"on_signal", env_on_signal},
    {"timer", env_timer},
    {"dial", env_dial},
    {"listen", env_listen},
    {"dgram", env_dgram},
    {"resolve", env_resolve},
    {"read", env_read},
    {"write", env_write},
    {"pointer", env_pointer},
    {NULL, NULL},
};
static const luaL_Reg timer_methods[] = {
    {"set", timer_set}, {"after", timer_after}, {"free", timer_free}, {NULL, NULL}};
static const luaL_Reg stream_methods[] = {
    {"handle", stream_handle}, {"send", stream_send}, {"want_write", stream_want_write},
    {"pause", stream_pause},   {"peer", stream_peer}, {"uid", stream_uid},
    {"close", stream_close},   {NULL, NULL},
};
static const luaL_Reg listener_methods[] = {
    {"addr", listener_addr}, {"close", listener_close}, {NULL, NULL}};
static const luaL_Reg dgram_methods[] = {
    {"addr", dgram_addr}, {"send", dgram_send}, {"close", dgram_close}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_luahub_test_env(lua_State *L);

int luaopen_luahub_test_env(lua_State *L) {
  static const luaL_Reg functions[] = {{"uv", new_uv}, {"sim", new_sim}, {NULL, NULL}};
  new_class(L, ENV, env_methods);
  new_class(L, SIM, sim_methods);
  new_class(L, TIMER, timer_methods);
  new_class(L, STREAM, stream_methods);
  new_class(L, LISTENER, listener_methods);
  new_class(L, DGRAM, dgram_methods);
  luaL_newlib(L, functions);
  return 1;
}
