// rooms: base env wire script actor
// A set of actors without a node: what they ask of the node is recorded as events that a spec
// reads, and a small service answers requests. The spec's own state is the main program.
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <lauxlib.h>
#include <lua.h>

#include "actor/actor.h"
#include "base/log.h"
#include "base/mem.h"
#include "script/script.h"
#include "wire/wire.h"

#define WORLD "luahub_test.actor.world"

struct event {
  struct event *next;
  const char *type;
  uint64_t token;
  lh_pid pid, from;
  int status, kind;
  bool killed;
  uint64_t ref;
  struct lh_buf body;
  char text[LH_ERROR_TEXT_MAX];
};

struct world {
  struct lh_env *env;
  struct lh_runs *runs;
  struct lh_actors *actors;
  uint32_t self, other;
  bool threaded;
  pthread_mutex_t lock;
  pthread_cond_t cond;
  struct event *first, *last;
};

// --- events ---

static void put_event(struct world *world, struct event *event) {
  pthread_mutex_lock(&world->lock);
  if (world->last) {
    world->last->next = event;
  } else {
    world->first = event;
  }
  world->last = event;
  pthread_cond_signal(&world->cond);
  pthread_mutex_unlock(&world->lock);
}

static struct event *new_event(const char *type, uint64_t token, lh_pid pid, const char *text) {
  struct event *event = LH_NEW(struct event);
  event->type = type;
  event->token = token;
  event->pid = pid;
  snprintf(event->text, sizeof event->text, "%s", text ? text : "");
  return event;
}

static void with_body(struct event *event, struct lh_bytes body) {
  lh_buf_append(&event->body, body.data, body.len);
}

static void on_route(void *self, struct lh_msg *msg) {
  struct event *event = new_event("route", 0, msg->to, NULL);
  event->from = msg->from;
  event->ref = msg->ref;
  event->kind = msg->kind;
  with_body(event, lh_bytes(msg->body, msg->len));
  put_event(self, event);
  lh_msg_free(msg);
}

static void answer(struct world *world, const struct lh_msg *msg, enum lh_msg_kind kind,
                   struct lh_bytes body) {
  lh_actors_deliver(world->actors, lh_msg_new(kind, msg->from, msg->to, msg->ref, body));
}

// "echo" answers its value, "fail" an error, anything else nothing.
static void on_service(void *self, struct lh_msg *msg) {
  struct world *world = self;
  struct lh_reader reader;
  lh_reader_init_user(&reader, lh_bytes(msg->body, msg->len));
  lh_read_array(&reader, 2);
  const struct lh_bytes kind = lh_read_str(&reader, 32);
  if (lh_bytes_equal(kind, lh_bytes_str("echo"))) {
    answer(world, msg, LH_MSG_REPLY, lh_read_skip(&reader));
  } else if (lh_bytes_equal(kind, lh_bytes_str("fail"))) {
    struct lh_buf body = LH_BUF_EMPTY;
    lh_write_array(&body, 2);
    lh_write_cstr(&body, "denied");
    lh_write_cstr(&body, "the service said no");
    answer(world, msg, LH_MSG_FAIL, lh_bytes_of(&body));
    lh_buf_free(&body);
  }
  lh_msg_free(msg);
}

static void on_started(void *self, const struct lh_child_started *results, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct event *event = new_event("started", results[i].token, results[i].pid, results[i].error);
    event->status = results[i].status;
    put_event(self, event);
  }
}

static void on_ended(void *self, const struct lh_child_ended *ended) {
  struct event *event = new_event("ended", ended->token, ended->pid, ended->reason);
  event->status = ended->how == LH_ENDED_NORMAL ? 0 : LH_EFAILED;
  put_event(self, event);
}

static void on_stopped(void *self, uint64_t token, lh_pid pid, bool killed) {
  struct event *event = new_event("stopped", token, pid, NULL);
  event->killed = killed;
  put_event(self, event);
}

static void on_frozen(void *self, uint64_t token, lh_pid pid, int status, struct lh_bytes state,
                      const char *error) {
  struct event *event = new_event("frozen", token, pid, error);
  event->status = status;
  struct lh_reader in;
  lh_reader_init_user(&in, state);
  with_body(event, state.len > 0 ? lh_read_skip(&in) : state);  // without its version
  put_event(self, event);
}

static void on_activated(void *self, uint64_t token, lh_pid pid, int status, const char *error) {
  struct event *event = new_event("activated", token, pid, error);
  event->status = status;
  put_event(self, event);
}

static void on_ran(void *self, uint64_t token, int status, struct lh_bytes result,
                   const char *error) {
  struct event *event = new_event("ran", token, 0, error);
  event->status = status;
  with_body(event, result);
  put_event(self, event);
}

static void on_answered(void *self, uint64_t token, int status, struct lh_bytes result,
                        const char *error) {
  struct event *event = new_event("answered", token, 0, error);
  event->status = status;
  with_body(event, result);
  put_event(self, event);
}

static const struct lh_actors_ops ops = {.route = on_route,
                                         .service = on_service,
                                         .child_started = on_started,
                                         .child_ended = on_ended,
                                         .child_stopped = on_stopped,
                                         .child_frozen = on_frozen,
                                         .child_activated = on_activated,
                                         .ran = on_ran,
                                         .answered = on_answered};

// --- the world ---

static struct world *check(lua_State *L) {
  struct world **box = luaL_checkudata(L, 1, WORLD);
  if (!*box) luaL_error(L, "the world is closed");
  return *box;
}

static int open_api(lua_State *L) {
  lua_newtable(L);
  lh_actor_open(L);
  return 1;
}

static uint32_t make_run(struct world *world, uint8_t id, const char *name) {
  struct lh_run run = {.epoch = 1};
  run.id.bytes[0] = id;
  const uint32_t index = lh_runs_index(world->runs, &run);
  lh_runs_set_name(world->runs, index, name);
  return index;
}

// new(schedulers, path)
static int new_world(lua_State *L) {
  struct world **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, WORLD);
  struct world *world = LH_NEW(struct world);
  pthread_mutex_init(&world->lock, NULL);
  pthread_cond_init(&world->cond, NULL);
  world->env = lh_env_uv_new();
  world->runs = lh_runs_new();
  world->self = make_run(world, 1, "n1");
  world->other = make_run(world, 2, "n2");
  const struct lh_actors_config config = {.env = world->env,
                                          .runs = world->runs,
                                          .self_node = world->self,
                                          .schedulers = (int)luaL_checkinteger(L, 1),
                                          .path = luaL_checkstring(L, 2),
                                          .open_core = open_api};
  world->threaded = config.schedulers > 0;
  world->actors = lh_actors_new(&config, &ops, world);
  lh_actors_attach_main(world->actors, L);
  *box = world;
  return 1;
}

static int close_world(lua_State *L) {
  struct world **box = luaL_checkudata(L, 1, WORLD);
  struct world *world = *box;
  if (!world) return 0;
  *box = NULL;
  lh_actors_free(world->actors, 200);
  while (world->first) {
    struct event *event = world->first;
    world->first = event->next;
    lh_buf_free(&event->body);
    lh_free(event);
  }
  lh_env_free(world->env);
  pthread_mutex_destroy(&world->lock);
  pthread_cond_destroy(&world->cond);
  lh_runs_free(world->runs);
  lh_free(world);
  return 0;
}

static void push_event(lua_State *L, struct world *world, struct event *event) {
  lua_newtable(L);
  lua_pushstring(L, event->type);
  lua_setfield(L, -2, "type");
  lua_pushinteger(L, (lua_Integer)event->token);
  lua_setfield(L, -2, "token");
  lh_script_push_pid(L, event->pid);
  lua_setfield(L, -2, "pid");
  lh_script_push_pid(L, event->from);
  lua_setfield(L, -2, "from");
  lua_pushinteger(L, (lua_Integer)event->ref);
  lua_setfield(L, -2, "ref");
  lua_pushinteger(L, event->kind);
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, event->status == 0 ? "ok" : lh_err_name(event->status));
  lua_setfield(L, -2, "status");
  lua_pushboolean(L, event->killed);
  lua_setfield(L, -2, "killed");
  lua_pushstring(L, event->text);
  lua_setfield(L, -2, "text");
  if (event->body.len > 0 && lh_value_decode(L, lh_bytes_of(&event->body), 1, world->runs) == 1) {
    lua_setfield(L, -2, "value");
  }
}

static struct event *take_event(struct world *world, lua_Integer ms) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += ms / 1000;
  until.tv_nsec += (ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  pthread_mutex_lock(&world->lock);
  while (!world->first && pthread_cond_timedwait(&world->cond, &world->lock, &until) == 0) {
  }
  struct event *event = world->first;
  if (event) world->first = event->next;
  if (event && !world->first) world->last = NULL;
  pthread_mutex_unlock(&world->lock);
  return event;
}

// Without threads, what is runnable runs first.
static int next_event(lua_State *L) {
  struct world *world = check(L);
  const lua_Integer ms = luaL_optinteger(L, 2, 10000);
  const lh_ms until = lh_env_now(world->env) + ms;
  struct event *event = NULL;
  if (world->threaded) {
    event = take_event(world, ms);
  } else {
    do {
      lh_actors_step(world->actors, 100);
      event = take_event(world, 0);
    } while (!event && lh_env_now(world->env) < until);
  }
  if (!event) return 0;
  push_event(L, world, event);
  lh_buf_free(&event->body);
  lh_free(event);
  return 1;
}

// --- orders ---

static struct lh_buf encode(lua_State *L, struct world *world, int index) {
  struct lh_buf out = LH_BUF_EMPTY;
  struct lh_error error;
  if (lh_value_encode(L, index, &out, LH_MESSAGE_MAX, world->runs, &error) != 0)
    luaL_error(L, "%s", error.text);
  return out;
}

// start{ { token, id, spec, metadata, generation, prepared }, ... }
static int start(lua_State *L) {
  struct world *world = check(L);
  const size_t count = (size_t)luaL_len(L, 2);
  struct lh_child_start *children = lua_newuserdatauv(L, (count + 1) * sizeof *children, 0);
  struct lh_buf *bufs = lua_newuserdatauv(L, (count + 1) * 2 * sizeof *bufs, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    lua_getfield(L, -1, "spec");
    bufs[2 * i] = encode(L, world, -1);
    lua_getfield(L, -2, "metadata");
    bufs[2 * i + 1] = LH_BUF_EMPTY;
    if (!lua_isnil(L, -1)) bufs[2 * i + 1] = encode(L, world, -1);
    lua_getfield(L, -3, "token");
    lua_getfield(L, -4, "id");
    lua_getfield(L, -5, "generation");
    lua_getfield(L, -6, "prepared");
    children[i] = (struct lh_child_start){.token = (uint64_t)lua_tointeger(L, -4),
                                          .hub = lh_bytes_str("h1"),
                                          .id = lh_bytes_str(luaL_checkstring(L, -3)),
                                          .spec = lh_bytes_of(&bufs[2 * i]),
                                          .metadata = lh_bytes_of(&bufs[2 * i + 1]),
                                          .generation = (uint64_t)lua_tointeger(L, -2),
                                          .prepared = lua_toboolean(L, -1)};
    lua_pop(L, 7);
  }
  lh_actors_start(world->actors, children, count);
  for (size_t i = 0; i < 2 * count; i++) lh_buf_free(&bufs[i]);
  return 0;
}

static int stop(lua_State *L) {
  struct world *world = check(L);
  lh_actors_stop(world->actors, (uint64_t)luaL_checkinteger(L, 2), lh_script_check_pid(L, 3),
                 luaL_optstring(L, 4, NULL), luaL_optinteger(L, 5, 1000), lh_script_to_pid(L, 6));
  return 0;
}

static int freeze(lua_State *L) {
  lh_actors_freeze(check(L)->actors, (uint64_t)luaL_checkinteger(L, 2), lh_script_check_pid(L, 3));
  return 0;
}

static int thaw(lua_State *L) {
  lh_actors_thaw(check(L)->actors, lh_script_check_pid(L, 2), (uint64_t)luaL_checkinteger(L, 3));
  return 0;
}

static int activate(lua_State *L) {
  struct world *world = check(L);
  struct lh_buf state = encode(L, world, 4);
  lh_actors_activate(world->actors, (uint64_t)luaL_checkinteger(L, 2), lh_script_check_pid(L, 3),
                     lh_bytes_of(&state), (uint64_t)luaL_checkinteger(L, 5));
  lh_buf_free(&state);
  return 0;
}

// run(token, module, function, argument, ms)
static int run(lua_State *L) {
  struct world *world = check(L);
  struct lh_buf args = encode(L, world, 5);
  lh_actors_run(world->actors, (uint64_t)luaL_checkinteger(L, 2),
                lh_bytes_str(luaL_checkstring(L, 3)), lh_bytes_str(luaL_checkstring(L, 4)),
                lh_bytes_of(&args), 1, luaL_optinteger(L, 6, 10000));
  lh_buf_free(&args);
  return 0;
}

static int spawn_isolated(lua_State *L) {
  struct world *world = check(L);
  struct lh_buf args = encode(L, world, 3);
  lh_script_push_pid(L,
                     lh_actors_spawn_isolated(world->actors, lh_bytes_str(luaL_checkstring(L, 2)),
                                              lh_bytes_of(&args), 1));
  lh_buf_free(&args);
  return 1;
}

static int kill_actor(lua_State *L) {
  lh_actors_kill(check(L)->actors, lh_script_check_pid(L, 2), luaL_checkstring(L, 3));
  return 0;
}

static int interrupt(lua_State *L) {
  lh_actors_interrupt(check(L)->actors, lh_script_check_pid(L, 2));
  return 0;
}

static int node_down(lua_State *L) {
  struct world *world = check(L);
  lh_actors_node_down(world->actors, world->other);
  return 0;
}

// A pid of the other node.
static int remote_pid(lua_State *L) {
  struct world *world = check(L);
  lh_script_push_pid(
      L, lh_pid_make(world->other, lh_pid_local_make(5, (uint32_t)luaL_checkinteger(L, 2), 1)));
  return 1;
}

static struct lh_msg *to_msg(lua_State *L, struct world *world) {
  struct lh_buf body = encode(L, world, 6);
  struct lh_msg *msg =
      lh_msg_new((enum lh_msg_kind)luaL_checkinteger(L, 2), lh_script_check_pid(L, 3),
                 lh_script_to_pid(L, 4), (uint64_t)luaL_checkinteger(L, 5), lh_bytes_of(&body));
  lh_buf_free(&body);
  return msg;
}

// deliver(kind, to, from, ref, value)
static int deliver(lua_State *L) {
  struct world *world = check(L);
  lh_actors_deliver(world->actors, to_msg(L, world));
  return 0;
}

// gather(kind, to, from, ref, value), then flush()
static int gather(lua_State *L) {
  struct world *world = check(L);
  lh_actors_gather(world->actors, to_msg(L, world));
  return 0;
}

static int flush(lua_State *L) {
  lh_actors_flush(check(L)->actors);
  return 0;
}

// A new epoch of the same node.
static int set_self(lua_State *L) {
  struct world *world = check(L);
  lh_actors_set_self(world->actors, make_run(world, (uint8_t)luaL_checkinteger(L, 2), "n1"));
  return 0;
}

// ask(token, kind, argument)
static int ask(lua_State *L) {
  struct world *world = check(L);
  struct lh_buf args = encode(L, world, 4);
  lh_actors_ask(world->actors, (uint64_t)luaL_checkinteger(L, 2), luaL_checkstring(L, 3),
                lh_bytes_of(&args), 1);
  lh_buf_free(&args);
  return 0;
}

static int step(lua_State *L) {
  struct world *world = check(L);
  const lh_ms next = lh_actors_step(world->actors, (int)luaL_checkinteger(L, 2));
  if (next == LH_NEVER) return 0;
  lua_pushinteger(L, next - lh_env_now(world->env));
  return 1;
}

static int counters(lua_State *L) {
  struct lh_actors_counters counted;
  lh_actors_counters(check(L)->actors, &counted);
  const struct {
    const char *name;
    uint64_t value;
  } all[] = {{"actors", counted.actors},
             {"heaps", counted.heaps},
             {"messages", counted.messages},
             {"dropped", counted.dropped},
             {"mailbox_full", counted.mailbox_full},
             {"inbox_full", counted.inbox_full},
             {"unsendable", counted.unsendable},
             {"timeouts", counted.timeouts},
             {"start_failures", counted.start_failures},
             {"overdue", counted.overdue},
             {"memory_refused", counted.memory_refused},
             {"futures_full", counted.futures_full},
             {"timers_full", counted.timers_full},
             {"blocked", counted.blocked},
             {"preemptions", counted.preemptions},
             {"crashes", counted.crashes},
             {"starts", counted.starts},
             {"stops", counted.stops}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lua_pushinteger(L, (lua_Integer)all[i].value);
    lua_setfield(L, -2, all[i].name);
  }
  return 1;
}

// Bytes that malloc has given out and not got back.
static int memory(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)mallinfo2().uordblks);
  return 1;
}

static int quiet(lua_State *L) {
  (void)L;
  lh_log_set_level(LH_LOG_NONE);
  return 0;
}

__attribute__((visibility("default"))) int luaopen_luahub_test_actor(lua_State *L);
int luaopen_luahub_test_actor(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", close_world},
                                     {"next", next_event},
                                     {"start", start},
                                     {"stop", stop},
                                     {"freeze", freeze},
                                     {"thaw", thaw},
                                     {"activate", activate},
                                     {"run", run},
                                     {"spawn_isolated", spawn_isolated},
                                     {"kill", kill_actor},
                                     {"interrupt", interrupt},
                                     {"node_down", node_down},
                                     {"remote_pid", remote_pid},
                                     {"deliver", deliver},
                                     {"gather", gather},
                                     {"flush", flush},
                                     {"set_self", set_self},
                                     {"ask", ask},
                                     {"step", step},
                                     {"counters", counters},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"new", new_world}, {"api", open_api}, {"memory", memory}, {"quiet", quiet}, {NULL, NULL}};
  luaL_newmetatable(L, WORLD);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, close_world);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
