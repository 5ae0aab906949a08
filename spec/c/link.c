// rooms: base env wire link
// link.c (spec) - several nodes' links on one loop, driven and watched from Lua.
//
// The loop runs on a thread of its own; Lua's thread asks it to do things (posted, and waited for)
// and sends from outside, as schedulers do. What the callbacks say is recorded as events per node.
// Strangers and eavesdroppers are in link_stranger.c.
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "link/link.h"

enum { NODES = 8, SENDERS = 8 };
#define NET "luahub_test.link"

struct event {
  struct lh_list node;
  char kind[16];
  uint32_t peer;
  int type, err, code;
  char name[LH_NAME_MAX + 1];
  char text[256];
  struct lh_buf body;
};

struct node {
  struct net *net;
  struct lh_links *links;
  struct lh_identity identity;
  struct lh_list events;
  int refuse;
  struct lh_buf answer;
};

struct net {
  struct lh_env *env;
  struct lh_runs *runs[NODES];
  struct node nodes[NODES];
  size_t count;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t seen, told;  // events recorded, and how many a wait has answered for
  sem_t held;           // the loop waits for it while it is held
  bool closed;
};

// --- events ---

static struct event *record(const char *kind, uint32_t peer, struct lh_bytes body) {
  struct event *event = LH_NEW(struct event);
  (void)snprintf(event->kind, sizeof event->kind, "%s", kind);
  event->peer = peer;
  lh_buf_append(&event->body, body.data, body.len);
  return event;
}

static void publish(struct node *node, struct event *event) {
  struct net *net = node->net;
  (void)pthread_mutex_lock(&net->lock);
  lh_list_push(&node->events, &event->node);
  net->seen++;
  (void)pthread_cond_broadcast(&net->changed);
  (void)pthread_mutex_unlock(&net->lock);
}

static int on_hello(void *self, const struct lh_hello *peer, struct lh_buf *answer) {
  struct node *node = self;
  (void)peer;
  lh_buf_append(answer, node->answer.data, node->answer.len);
  return node->refuse;
}

static void on_up(void *self, uint32_t peer, const struct lh_hello *hello) {
  struct event *event = record("up", peer, hello->greeting);
  (void)snprintf(event->name, sizeof event->name, "%s", hello->name);
  event->type = hello->dialled;
  publish(self, event);
}

static void on_down(void *self, uint32_t peer, const char *reason) {
  struct event *event = record("down", peer, lh_bytes(NULL, 0));
  (void)snprintf(event->text, sizeof event->text, "%s", reason);
  publish(self, event);
}

static void on_frame(void *self, uint32_t peer, uint8_t type, struct lh_bytes body) {
  struct event *event = record("frame", peer, body);
  event->type = type;
  publish(self, event);
}

static void on_datagram(void *self, uint32_t peer, struct lh_bytes body) {
  publish(self, record("datagram", peer, body));
}

static void on_dial_failed(void *self, const struct lh_addr *to, int err, int code,
                           const struct lh_run *run, struct lh_bytes answer, const char *reason) {
  struct event *event = record("dial_failed", 0, answer);
  static const struct lh_run nobody;
  (void)to;
  event->err = err;
  event->code = code;
  event->type = !lh_run_equal(run, &nobody);
  (void)snprintf(event->text, sizeof event->text, "%s", reason);
  publish(self, event);
}

static void on_frames_end(void *self) { (void)self; }

static const struct lh_links_ops ops = {on_hello,      on_up,       on_down,       on_frame,
                                        on_frames_end, on_datagram, on_dial_failed};

static void event_free(struct event *event) {
  lh_buf_free(&event->body);
  lh_free(event);
}

// --- asking the loop ---

struct request {
  void (*fn)(struct request *request);
  struct node *node;
  struct lh_addr addr;
  const char *text;
  struct lh_bytes bytes;
  struct lh_links_config *config;
  struct lh_error error;
  uint64_t number;
  sem_t done;
};

static void carry_out(void *data) {
  struct request *request = data;
  request->fn(request);
  (void)sem_post(&request->done);
}

static void ask(struct net *net, struct request *request, void (*fn)(struct request *)) {
  request->fn = fn;
  (void)sem_init(&request->done, 0, 0);
  if (lh_env_post(net->env, carry_out, request) == 0) {
    while (sem_wait(&request->done) != 0) continue;
  }
  (void)sem_destroy(&request->done);
}

static void do_new(struct request *r) {
  r->node->links = lh_links_new(r->config, &ops, r->node, &r->error);
}
static void do_dial(struct request *r) { lh_links_dial(r->node->links, &r->addr); }
static void do_close(struct request *r) {
  lh_links_close(r->node->links, (uint32_t)r->number, r->text);
}
static void do_epoch(struct request *r) { lh_links_epoch(r->node->links, r->number); }
static void do_greeting(struct request *r) { lh_links_greeting(r->node->links, r->bytes); }
static void do_free(struct request *r) {
  if (r->node->links != NULL) lh_links_free(r->node->links);
  r->node->links = NULL;
}

static void be_held(void *data) {
  struct net *net = data;
  while (sem_wait(&net->held) != 0) continue;
}

// --- arguments ---

static struct net *check_net(lua_State *L) { return luaL_checkudata(L, 1, NET); }

static struct node *check_node(lua_State *L) {
  struct net *net = check_net(L);
  const lua_Integer index = luaL_checkinteger(L, 2);
  luaL_argcheck(L, index >= 1 && (size_t)index <= net->count, 2, "no such node");
  struct node *node = &net->nodes[index - 1];
  luaL_argcheck(L, node->links != NULL, 2, "node was freed");
  return node;
}

static struct lh_bytes check_bytes(lua_State *L, int arg) {
  size_t len;
  const char *data = luaL_optlstring(L, arg, "", &len);
  return lh_bytes(data, len);
}

static struct lh_addr check_addr(lua_State *L, int arg) {
  struct lh_addr addr = {0};
  luaL_argcheck(L, lh_addr_parse(&addr, luaL_checkstring(L, arg)) == 0, arg, "not an address");
  return addr;
}

static const char *option(lua_State *L, const char *name, const char *otherwise) {
  lua_getfield(L, 2, name);
  const char *value = luaL_optstring(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

static lua_Integer option_integer(lua_State *L, const char *name, lua_Integer otherwise) {
  lua_getfield(L, 2, name);
  const lua_Integer value = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

// --- nodes ---

static int net_node(lua_State *L) {
  struct net *net = check_net(L);
  luaL_argcheck(L, net->count < NODES, 1, "too many nodes");
  const size_t index = net->count;
  struct node *node = &net->nodes[index];
  struct lh_links_config config = {.env = net->env, .identity = &node->identity};
  struct request request = {.node = node, .config = &config};
  if (lh_secret_parse(&config.secret, option(L, "secret", ""), &request.error) != 0) {
    return luaL_error(L, "%s", request.error.text);
  }
  (void)lh_addr_parse(&config.listen, "127.0.0.1:0");
  config.name = option(L, "name", "node");
  config.cluster = option(L, "cluster", "");
  config.epoch = (uint64_t)option_integer(L, "epoch", 1);
  config.partial_ms = option_integer(L, "partial_ms", 0);
  const char *key = option(L, "key", NULL);
  if (key != NULL)
    (void)lh_identity_restore(&node->identity, (const uint8_t *)key);
  else
    lh_identity_generate(&node->identity, net->env);
  node->net = net;
  node->refuse = (int)option_integer(L, "refuse", 0);
  const char *answer = option(L, "answer", "");
  lh_buf_append(&node->answer, answer, strlen(answer));
  lh_list_init(&node->events);
  config.runs = net->runs[index] = lh_runs_new();
  net->count++;
  ask(net, &request, do_new);
  if (node->links == NULL) return luaL_error(L, "%s", request.error.text);
  lua_pushinteger(L, (lua_Integer)net->count);
  return 1;
}

static int net_address(lua_State *L) {
  struct lh_addr addr;
  char text[LH_ADDR_TEXT_MAX];
  lh_links_addr(check_node(L)->links, &addr);
  lh_addr_format(&addr, text);
  lua_pushstring(L, text);
  return 1;
}

static int net_id(lua_State *L) {
  lua_pushlstring(L, (const char *)check_node(L)->identity.id.bytes, 16);
  return 1;
}

// The index under which a node knows another one's run.
static int net_peer(lua_State *L) {
  const struct node *node = check_node(L);
  struct net *net = check_net(L);
  const struct node *other = &net->nodes[luaL_checkinteger(L, 3) - 1];
  const struct lh_run run = {other->identity.id, (uint64_t)luaL_optinteger(L, 4, 1)};
  lua_pushinteger(L, lh_runs_index(net->runs[node - net->nodes], &run));
  return 1;
}

static int net_dial(lua_State *L) {
  struct request request = {.node = check_node(L), .addr = check_addr(L, 3)};
  ask(request.node->net, &request, do_dial);
  return 0;
}

static int net_close_link(lua_State *L) {
  struct request request = {.node = check_node(L),
                            .number = (uint64_t)luaL_checkinteger(L, 3),
                            .text = luaL_checkstring(L, 4)};
  ask(request.node->net, &request, do_close);
  return 0;
}

static int net_epoch(lua_State *L) {
  struct request request = {.node = check_node(L), .number = (uint64_t)luaL_checkinteger(L, 3)};
  ask(request.node->net, &request, do_epoch);
  return 0;
}

static int net_greeting(lua_State *L) {
  struct request request = {.node = check_node(L), .bytes = check_bytes(L, 3)};
  ask(request.node->net, &request, do_greeting);
  return 0;
}

static int net_free(lua_State *L) {
  struct request request = {.node = check_node(L)};
  ask(request.node->net, &request, do_free);
  return 0;
}

// Keeps the loop from reading, as a busy or stopped process is, until net:release().
static int net_hold(lua_State *L) {
  struct net *net = check_net(L);
  (void)lh_env_post(net->env, be_held, net);
  return 0;
}

static int net_release(lua_State *L) {
  (void)sem_post(&check_net(L)->held);
  return 0;
}

static int net_send(lua_State *L) {
  static const char *const classes[] = {"control", "state", "data", NULL};
  struct node *node = check_node(L);
  const uint32_t peer = (uint32_t)luaL_checkinteger(L, 3);
  const enum lh_class class = (enum lh_class)luaL_checkoption(L, 4, NULL, classes);
  const uint8_t type = (uint8_t)luaL_checkinteger(L, 5);
  lua_pushinteger(L, lh_links_send(node->links, peer, class, type, check_bytes(L, 6)));
  return 1;
}

static int net_queued(lua_State *L) {
  static const char *const classes[] = {"control", "state", "data", NULL};
  const struct node *node = check_node(L);
  const uint32_t peer = (uint32_t)luaL_checkinteger(L, 3);
  const enum lh_class class = (enum lh_class)luaL_checkoption(L, 4, NULL, classes);
  lua_pushinteger(L, (lua_Integer)lh_links_queued(node->links, peer, class));
  return 1;
}

static int net_is_up(lua_State *L) {
  lua_pushboolean(L, lh_links_is_up(check_node(L)->links, (uint32_t)luaL_checkinteger(L, 3)));
  return 1;
}

static int net_datagram(lua_State *L) {
  struct node *node = check_node(L);
  const uint32_t peer = (uint32_t)luaL_checkinteger(L, 3);
  const bool addressed = !lua_isnoneornil(L, 4);
  const struct lh_addr addr = addressed ? check_addr(L, 4) : (struct lh_addr){0};
  lua_pushinteger(
      L, lh_links_datagram(node->links, peer, addressed ? &addr : NULL, check_bytes(L, 5)));
  return 1;
}

static int net_counters(lua_State *L) {
  struct lh_links_counters c;
  lh_links_counters(check_node(L)->links, &c);
  const struct {
    const char *name;
    uint64_t value;
  } all[] = {
      {"frames_in", c.frames_in},
      {"frames_out", c.frames_out},
      {"bytes_in", c.bytes_in},
      {"bytes_out", c.bytes_out},
      {"datagrams_in", c.datagrams_in},
      {"datagrams_out", c.datagrams_out},
      {"bad_seal", c.bad_seal},
      {"replayed", c.replayed},
      {"unknown_key", c.unknown_key},
      {"malformed", c.malformed},
      {"too_big", c.too_big},
      {"refused", c.refused},
      {"handshake_failed", c.handshake_failed},
      {"half_open_full", c.half_open_full},
      {"data_full", c.data_full},
      {"overflows", c.overflows},
  };
  lua_newtable(L);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    lua_pushinteger(L, (lua_Integer)all[i].value);
    lua_setfield(L, -2, all[i].name);
  }
  return 1;
}

static void push_event(lua_State *L, const struct event *event) {
  lua_newtable(L);
  lua_pushstring(L, event->kind);
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, event->peer);
  lua_setfield(L, -2, "peer");
  lua_pushinteger(L, event->type);
  lua_setfield(L, -2, "type");
  lua_pushinteger(L, event->err);
  lua_setfield(L, -2, "err");
  lua_pushinteger(L, event->code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, event->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, event->text);
  lua_setfield(L, -2, "text");
  lua_pushlstring(L, event->body.data != NULL ? (const char *)event->body.data : "",
                  event->body.len);
  lua_setfield(L, -2, "body");
}

// The events since the last call, oldest first.
static int net_events(lua_State *L) {
  struct node *node = check_node(L);
  lua_newtable(L);
  for (lua_Integer i = 1;; i++) {
    (void)pthread_mutex_lock(&node->net->lock);
    struct lh_list *taken = lh_list_pop(&node->events);
    (void)pthread_mutex_unlock(&node->net->lock);
    if (taken == NULL) return 1;
    struct event *event = LH_ENTRY(taken, struct event, node);
    push_event(L, event);
    lua_seti(L, -2, i);
    event_free(event);
  }
}

// Waits until something is recorded, for up to `ms`.
static int net_wait(lua_State *L) {
  struct net *net = check_net(L);
  struct timespec until;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += (long)luaL_checkinteger(L, 2) * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  (void)pthread_mutex_lock(&net->lock);
  int timeout = 0;
  while (net->seen == net->told && timeout == 0) {
    timeout = pthread_cond_timedwait(&net->changed, &net->lock, &until);
  }
  net->told = net->seen;
  (void)pthread_mutex_unlock(&net->lock);
  lua_pushboolean(L, timeout == 0);
  return 1;
}

// --- many senders at once ---

struct sender {
  struct lh_links *links;
  uint32_t peer;
  uint8_t type;
  int count, size;
  pthread_t thread;
};

static void *send_all(void *data) {
  const struct sender *sender = data;
  uint8_t *body = lh_alloc((size_t)sender->size);
  for (int i = 0; i < sender->count; i++) {
    const int size = 4 + (i * 7919) % (sender->size - 4);
    memset(body, sender->type, (size_t)size);
    memcpy(body, &i, 4);
    const struct timespec pause = {.tv_nsec = 1000000L};
    while (lh_links_send(sender->links, sender->peer, LH_CLASS_DATA, sender->type,
                         lh_bytes(body, (size_t)size)) == LH_EAGAIN) {
      (void)nanosleep(&pause, NULL);
    }
  }
  lh_free(body);
  return NULL;
}

// net:burst(node, peer, threads, count, size): thread t sends frames of type t that begin with a
// number.
static int net_burst(lua_State *L) {
  const struct node *node = check_node(L);
  struct sender senders[SENDERS];
  const int threads = (int)luaL_checkinteger(L, 4);
  luaL_argcheck(L, threads >= 1 && threads <= SENDERS, 4, "too many threads");
  for (int i = 0; i < threads; i++) {
    senders[i] = (struct sender){.links = node->links,
                                 .peer = (uint32_t)luaL_checkinteger(L, 3),
                                 .type = (uint8_t)(i + 1),
                                 .count = (int)luaL_checkinteger(L, 5),
                                 .size = (int)luaL_checkinteger(L, 6)};
    (void)pthread_create(&senders[i].thread, NULL, send_all, &senders[i]);
  }
  for (int i = 0; i < threads; i++) (void)pthread_join(senders[i].thread, NULL);
  return 0;
}

// --- the net ---

static void *run_loop(void *data) {
  const struct net *net = data;
  lh_env_run(net->env);
  return NULL;
}

static void node_clear(struct net *net, struct node *node) {
  struct request request = {.node = node};
  struct lh_list *taken;
  ask(net, &request, do_free);
  while ((taken = lh_list_pop(&node->events)) != NULL)
    event_free(LH_ENTRY(taken, struct event, node));
  lh_buf_free(&node->answer);
}

static int net_gc(lua_State *L) {
  struct net *net = check_net(L);
  if (net->closed) return 0;
  net->closed = true;
  (void)sem_post(&net->held);
  for (size_t i = 0; i < net->count; i++) node_clear(net, &net->nodes[i]);
  net->count = 0;
  lh_env_stop(net->env);
  (void)pthread_join(net->thread, NULL);
  lh_env_free(net->env);
  for (size_t i = 0; i < NODES; i++) {
    if (net->runs[i] != NULL) lh_runs_free(net->runs[i]);
  }
  (void)pthread_cond_destroy(&net->changed);
  (void)pthread_mutex_destroy(&net->lock);
  (void)sem_destroy(&net->held);
  return 0;
}

static int link_net(lua_State *L) {
  struct net *net = lua_newuserdatauv(L, sizeof(struct net), 0);
  memset(net, 0, sizeof *net);
  net->env = lh_env_uv_new();
  (void)pthread_mutex_init(&net->lock, NULL);
  (void)pthread_cond_init(&net->changed, NULL);
  (void)sem_init(&net->held, 0, 0);
  (void)pthread_create(&net->thread, NULL, run_loop, net);
  luaL_setmetatable(L, NET);
  return 1;
}

static const luaL_Reg net_methods[] = {
    {"address", net_address},
    {"burst", net_burst},
    {"close", net_gc},
    {"close_link", net_close_link},
    {"counters", net_counters},
    {"datagram", net_datagram},
    {"dial", net_dial},
    {"epoch", net_epoch},
    {"events", net_events},
    {"free", net_free},
    {"greeting", net_greeting},
    {"hold", net_hold},
    {"id", net_id},
    {"is_up", net_is_up},
    {"node", net_node},
    {"peer", net_peer},
    {"queued", net_queued},
    {"release", net_release},
    {"send", net_send},
    {"wait", net_wait},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"net", link_net},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_luahub_test_link(lua_State *L);

int luaopen_luahub_test_link(lua_State *L) {
  lh_log_set_level(LH_LOG_NONE);
  if (luaL_newmetatable(L, NET)) {
    luaL_newlib(L, net_methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, net_gc);
    lua_setfield(L, -2, "__gc");
  }
  luaL_newlib(L, functions);
  return 1;
}
