// rooms: hub registry member wire base link env
//
// hub.c - luahub_test.hub: many hubs rooms in one process, virtual time, one seed.
//
// Real: hubs and registries. Simulated: members (every live node hears of a join, a death, a leave
// after its own delay), links (ordered per direction, delayed, cut by a death), actors (start,
// stop, freeze after a delay; they note what runs). Truth is what the simulated actors run, never
// the registry.
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "hub/hub.h"
#include "registry/registry.h"
#include "wire/wire.h"

#define SIM "luahub_test.hub"
enum { NODES_MAX = 64 };

struct sim;
struct node {
  struct sim *sim;
  uint32_t self;
  struct lh_run run;
  char name[32];
  struct lh_hubs *hubs;
  struct lh_registry *registry;
  bool up, left, flushing;
  uint64_t version;
  lh_ms link_at[NODES_MAX];  // the last delivery on the link to each, so that order holds
  bool knows[NODES_MAX];     // sees that node as a member
};

struct event {
  struct lh_due due;
  void (*fn)(struct sim *sim, struct event *event);
  uint32_t from, to;
  uint8_t type;
  uint64_t token;
  lh_pid pid;
  struct lh_buf body, id;
  uint64_t generation;
  int status;
  bool flag;
};

struct actor {  // one running instance
  uint32_t node;
  lh_pid pid;
  uint64_t token;
  char id[64];
  bool runs, prepared, frozen;
  int64_t state;
};

struct sim {
  struct lh_random random;
  lh_ms now;
  struct lh_runs *runs;
  struct node nodes[NODES_MAX];
  size_t count;
  struct lh_heap events;
  struct actor *actors;
  size_t actor_count, actor_cap;
  uint64_t next_pid;
  size_t twice;  // how often two instances of a child ran at once
  size_t drained;
  bool hot, custom;
  size_t replies;
  int64_t fail_every;  // every so many starts fail
  int64_t starts;
  uint8_t key[32];
};

static lh_ms delay(struct sim *sim, lh_ms most) {
  return sim->now + 1 + (lh_ms)lh_random_below(&sim->random, (uint64_t)most);
}

static struct event *later(struct sim *sim, lh_ms at,
                           void (*fn)(struct sim *sim, struct event *event)) {
  struct event *event = LH_NEW(struct event);
  event->fn = fn;
  lh_heap_set(&sim->events, &event->due, at);
  return event;
}

static void event_free(struct event *event) {
  lh_buf_free(&event->body);
  lh_buf_free(&event->id);
  lh_free(event);
}

static struct node *node_of(struct sim *sim, uint32_t self) {
  for (size_t i = 0; i < sim->count; i++) {
    if (sim->nodes[i].self == self) return &sim->nodes[i];
  }
  return NULL;
}

static size_t place_of(const struct node *node) { return (size_t)(node - node->sim->nodes); }

// --- links ---
static void deliver(struct sim *sim, struct event *event) {
  struct node *to = node_of(sim, event->to);
  struct node *from = node_of(sim, event->from);
  if (!to->up || !to->knows[place_of(from)]) return;
  if (event->type >= LH_FRAME_DELTA && event->type <= LH_FRAME_DIGEST) {
    (void)lh_registry_receive(to->registry, event->from, event->type, lh_bytes_of(&event->body));
  } else {
    (void)lh_hubs_receive(to->hubs, sim->now, event->from, event->type, lh_bytes_of(&event->body));
  }
}

static void send_one(struct node *node, uint32_t to, uint8_t type, struct lh_bytes body) {
  struct sim *sim = node->sim;
  struct node *peer = node_of(sim, to);
  if (peer == NULL || peer == node || !node->knows[place_of(peer)] || !node->up) return;
  lh_ms at = delay(sim, 5);
  if (at < node->link_at[place_of(peer)]) at = node->link_at[place_of(peer)];
  node->link_at[place_of(peer)] = at;
  struct event *event = later(sim, at, deliver);
  event->from = node->self;
  event->to = to;
  event->type = type;
  lh_buf_append(&event->body, body.data, body.len);
}

static void hub_send(void *self, uint32_t peer, uint8_t type, struct lh_bytes body) {
  send_one(self, peer, type, body);
}

static void registry_send(void *self, uint32_t to, uint8_t type, struct lh_bytes body) {
  struct node *node = self;
  if (to != 0) {
    send_one(node, to, type, body);
    return;
  }
  for (size_t i = 0; i < node->sim->count; i++) {
    struct node *peer = &node->sim->nodes[i];
    if (peer != node && node->knows[i] && lh_registry_in_step(node->registry, peer->self))
      send_one(node, peer->self, type, body);
  }
}

static void row_changed(void *self, const struct lh_row *before, const struct lh_row *after) {
  struct node *node = self;
  if (node->hubs != NULL) lh_hubs_row_changed(node->hubs, before, after);
}

static void advanced(void *self, uint32_t ledger, uint64_t seq) {
  struct node *node = self;
  if (node->hubs != NULL) lh_hubs_advanced(node->hubs, ledger, seq);
}

static const struct lh_registry_ops registry_ops = {
    .row_changed = row_changed, .send = registry_send, .advanced = advanced};

// --- actors ---
static struct actor *actor_by_pid(struct sim *sim, lh_pid pid) {
  for (size_t i = 0; i < sim->actor_count; i++) {
    if (sim->actors[i].pid == pid) return &sim->actors[i];
  }
  return NULL;
}

static void note_running(struct sim *sim, const struct actor *actor) {
  for (size_t i = 0; i < sim->actor_count; i++) {
    const struct actor *other = &sim->actors[i];
    if (other != actor && other->runs && !other->frozen && !other->prepared &&
        strcmp(other->id, actor->id) == 0)
      sim->twice++;
  }
}

static void started(struct sim *sim, struct event *event) {
  struct node *node = node_of(sim, event->to);
  if (!node->up) return;
  if (event->status != 0) {
    lh_hubs_started(node->hubs, sim->now, event->token, event->status, 0, "it failed");
    return;
  }
  if (sim->actor_count == sim->actor_cap) {
    sim->actor_cap = sim->actor_cap > 0 ? sim->actor_cap * 2 : 64;
    sim->actors = lh_realloc(sim->actors, sim->actor_cap * sizeof(struct actor));
  }
  struct actor *actor = &sim->actors[sim->actor_count++];
  *actor = (struct actor){
      .node = node->self, .token = event->token, .runs = true, .prepared = event->flag};
  actor->pid = lh_pid_make(node->self, ++sim->next_pid);
  (void)snprintf(actor->id, sizeof actor->id, "%.*s", (int)event->id.len,
                 (const char *)event->id.data);
  if (!actor->prepared) note_running(sim, actor);
  lh_hubs_started(node->hubs, sim->now, event->token, 0, actor->pid, NULL);
}

static void hub_start(void *self, const struct lh_order *orders, size_t count) {
  struct node *node = self;
  for (size_t i = 0; i < count; i++) {
    struct sim *sim = node->sim;
    struct event *event = later(sim, delay(sim, 20), started);
    event->to = node->self;
    event->token = orders[i].token;
    event->flag = orders[i].prepared;
    sim->starts++;
    if (sim->fail_every > 0 && sim->starts % sim->fail_every == 0) event->status = LH_EFAILED;
    lh_buf_append(&event->id, orders[i].id.data, orders[i].id.len);
  }
}

static void actor_remove(struct sim *sim, struct actor *actor) {
  *actor = sim->actors[--sim->actor_count];
}

static void stopped(struct sim *sim, struct event *event) {
  struct node *node = node_of(sim, event->to);
  struct actor *actor = actor_by_pid(sim, event->pid);
  if (!node->up) return;
  if (actor != NULL) actor_remove(sim, actor);
  lh_hubs_stopped(node->hubs, sim->now, event->token);
}

static void hub_stop(void *self, uint64_t token, lh_pid pid, const char *reason, lh_ms shutdown_ms,
                     lh_pid forward) {
  struct node *node = self;
  (void)reason;
  (void)shutdown_ms;
  (void)forward;
  struct event *event = later(node->sim, delay(node->sim, 20), stopped);
  event->to = node->self;
  event->token = token;
  event->pid = pid;
}

static void frozen(struct sim *sim, struct event *event) {
  struct node *node = node_of(sim, event->to);
  struct actor *actor = actor_by_pid(sim, event->pid);
  struct lh_buf state = LH_BUF_EMPTY;
  if (!node->up) return;
  if (actor != NULL) actor->frozen = true;
  lh_write_int(&state, actor != NULL ? actor->state : 0);
  lh_hubs_frozen(node->hubs, sim->now, event->token, actor != NULL ? 0 : LH_ENOTFOUND,
                 lh_bytes_of(&state), NULL);
  lh_buf_free(&state);
}

static void hub_freeze(void *self, uint64_t token, lh_pid pid) {
  struct node *node = self;
  struct event *event = later(node->sim, delay(node->sim, 10), frozen);
  event->to = node->self;
  event->token = token;
  event->pid = pid;
}

static void hub_thaw(void *self, lh_pid pid, uint64_t generation) {
  struct node *node = self;
  struct actor *actor = actor_by_pid(node->sim, pid);
  (void)generation;
  if (actor == NULL) return;
  actor->frozen = false;
  note_running(node->sim, actor);
}

static void activated(struct sim *sim, struct event *event) {
  struct node *node = node_of(sim, event->to);
  struct actor *actor = actor_by_pid(sim, event->pid);
  if (!node->up || actor == NULL) return;
  struct lh_reader in;
  lh_reader_init(&in, lh_bytes_of(&event->body));
  actor->state = lh_read_int(&in);
  actor->prepared = false;
  note_running(sim, actor);
  lh_hubs_activated(node->hubs, sim->now, event->token, 0, NULL);
}

static void hub_activate(void *self, uint64_t token, lh_pid pid, struct lh_bytes state,
                         uint64_t generation) {
  struct node *node = self;
  struct event *event = later(node->sim, delay(node->sim, 10), activated);
  (void)generation;
  event->to = node->self;
  event->token = token;
  event->pid = pid;
  lh_buf_append(&event->body, state.data, state.len);
}

// A custom distribution: all children on the first node by name.
static void answered(struct sim *sim, struct event *event) {
  struct node *node = node_of(sim, event->to);
  if (node->up)
    lh_hubs_answered(node->hubs, sim->now, event->token, LH_OK, lh_bytes_of(&event->body), NULL);
}

static void hub_ask(void *self, uint64_t question, const char *kind, struct lh_bytes args,
                    uint32_t count) {
  struct node *node = self;
  struct lh_reader in;
  (void)kind;
  (void)count;
  lh_reader_init_user(&in, args);
  (void)lh_read_skip(&in);
  const uint32_t ids = lh_read_array(&in, LH_BATCH_MAX);
  struct event *event = later(node->sim, delay(node->sim, 10), answered);
  event->to = node->self;
  event->token = question;
  lh_write_array(&event->body, ids);
  for (uint32_t i = 0; i < ids; i++) lh_write_uint(&event->body, 1);
}

static void hub_reply(void *self, uint64_t caller, int status, struct lh_bytes result,
                      const struct lh_error *error) {
  struct node *node = self;
  (void)caller;
  (void)result;
  (void)error;
  (void)status;
  node->sim->replies++;
}

static bool hub_wants(void *self, struct lh_bytes hub, const char *key) {
  (void)self;
  (void)hub;
  (void)key;
  return false;
}

static void hub_event(void *self, struct lh_bytes hub, const char *key, struct lh_bytes payload) {
  (void)self;
  (void)hub;
  (void)key;
  (void)payload;
}

static void hub_fence(void *self, const struct lh_run *run) {
  (void)self;
  (void)run;
}

static void hub_closed(void *self, struct lh_bytes hub) {
  (void)self;
  (void)hub;
}

// --- members ---
static void fill_record(struct node *node, struct lh_member_record *record) {
  memset(record, 0, sizeof *record);
  record->run = node->run;
  record->version = node->version;
  (void)snprintf(record->name, sizeof record->name, "%s", node->name);
  lh_hubs_record(node->hubs, record);
}

static void tell(struct node *hears, struct node *about, enum lh_member_state state) {
  struct lh_member_record *record = LH_NEW(struct lh_member_record);
  fill_record(about, record);
  lh_hubs_member(hears->hubs, hears->sim->now, record, state);
  lh_free(record);
}

static void heard_record(struct sim *sim, struct event *event) {
  struct node *hears = node_of(sim, event->to);
  struct node *about = node_of(sim, event->from);
  if (hears->up && about->up && hears->knows[place_of(about)]) {
    tell(hears, about, event->flag ? LH_MEMBER_LEAVING : LH_MEMBER_ALIVE);
  }
}

static void record_changed(void *self) {
  struct node *node = self;
  struct sim *sim = node->sim;
  node->version++;
  tell(node, node, LH_MEMBER_ALIVE);
  for (size_t i = 0; i < sim->count; i++) {
    if (&sim->nodes[i] == node || !sim->nodes[i].knows[place_of(node)]) continue;
    struct event *event = later(sim, delay(sim, 100), heard_record);
    event->from = node->self;
    event->to = sim->nodes[i].self;
  }
}

static void heard_end(struct sim *sim, struct event *event) {
  struct node *hears = node_of(sim, event->to);
  struct node *about = node_of(sim, event->from);
  if (!hears->up || !hears->knows[place_of(about)]) return;
  lh_registry_peer_down(hears->registry, about->self);
  tell(hears, about, event->flag ? LH_MEMBER_LEFT : LH_MEMBER_DEAD);
  hears->knows[place_of(about)] = false;
}

static void spread_end(struct node *node, bool left, lh_ms most) {
  struct sim *sim = node->sim;
  for (size_t i = 0; i < sim->count; i++) {
    if (&sim->nodes[i] == node || !sim->nodes[i].up) continue;
    struct event *event = later(sim, delay(sim, most), heard_end);
    event->from = node->self;
    event->to = sim->nodes[i].self;
    event->flag = left;
  }
}

static void kill_actors(struct sim *sim, uint32_t node) {
  for (size_t i = sim->actor_count; i > 0; i--) {
    if (sim->actors[i - 1].node == node) actor_remove(sim, &sim->actors[i - 1]);
  }
}

static void hub_drained(void *self) {
  struct node *node = self;
  node->left = true;
  node->sim->drained++;
}

static const struct lh_hubs_ops hub_ops = {.send = hub_send,
                                           .start = hub_start,
                                           .stop = hub_stop,
                                           .freeze = hub_freeze,
                                           .thaw = hub_thaw,
                                           .activate = hub_activate,
                                           .ask = hub_ask,
                                           .reply = hub_reply,
                                           .wants = hub_wants,
                                           .event = hub_event,
                                           .record_changed = record_changed,
                                           .fence = hub_fence,
                                           .closed = hub_closed,
                                           .drained = hub_drained};

static void meet(struct sim *sim, struct event *event) {
  struct node *a = node_of(sim, event->from);
  struct node *b = node_of(sim, event->to);
  if (!a->up || !b->up || a->knows[place_of(b)]) return;
  a->knows[place_of(b)] = b->knows[place_of(a)] = true;
  struct node *pair[2] = {a, b};
  for (int i = 0; i < 2; i++) {
    tell(pair[i], pair[1 - i], LH_MEMBER_ALIVE);
    lh_registry_peer_up(pair[i]->registry, pair[1 - i]->self);
    lh_hubs_peer_up(pair[i]->hubs, sim->now, pair[1 - i]->self);
  }
}

// --- the loop ---
static void flush_all(struct sim *sim) {
  for (size_t i = 0; i < sim->count; i++) {
    struct node *node = &sim->nodes[i];
    if (!node->up) continue;
    if (lh_hubs_due(node->hubs) <= sim->now) lh_hubs_tick(node->hubs, sim->now);
    lh_hubs_flush(node->hubs, sim->now);
    if (!node->left) continue;
    node->up = false;
    kill_actors(sim, node->self);
    spread_end(node, true, 50);
  }
}

static lh_ms next_time(struct sim *sim) {
  lh_ms next = lh_heap_next(&sim->events);
  for (size_t i = 0; i < sim->count; i++) {
    if (!sim->nodes[i].up) continue;
    const lh_ms due = lh_hubs_due(sim->nodes[i].hubs);
    if (due < next) next = due;
  }
  return next;
}

static void run_for(struct sim *sim, lh_ms ms) {
  const lh_ms end = sim->now + ms;
  flush_all(sim);
  while (next_time(sim) <= end) {
    const lh_ms next = next_time(sim);
    if (next > sim->now) sim->now = next;
    struct lh_due *due;
    while ((due = lh_heap_pop(&sim->events, sim->now)) != NULL) {
      struct event *event = LH_ENTRY(due, struct event, due);
      event->fn(sim, event);
      event_free(event);
    }
    flush_all(sim);
  }
  sim->now = end;
}

// --- Lua ---
static struct sim *check(lua_State *L) { return *(struct sim **)luaL_checkudata(L, 1, SIM); }

static struct node *check_node(lua_State *L, struct sim *sim, int arg) {
  const lua_Integer at = luaL_checkinteger(L, arg);
  luaL_argcheck(L, at >= 1 && (size_t)at <= sim->count, arg, "no such node");
  return &sim->nodes[at - 1];
}

static int sim_new(lua_State *L) {
  struct sim **box = lua_newuserdatauv(L, sizeof(struct sim *), 0);
  struct sim *sim = LH_NEW(struct sim);
  *box = sim;
  luaL_setmetatable(L, SIM);
  sim->random.state = (uint64_t)luaL_checkinteger(L, 1);
  sim->hot = lua_toboolean(L, 2);
  sim->custom = lua_toboolean(L, 3);
  sim->now = 1000;
  sim->runs = lh_runs_new();
  return 1;
}

static int sim_join(lua_State *L) {
  struct sim *sim = check(L);
  struct lh_error error;
  luaL_argcheck(L, sim->count < NODES_MAX, 1, "too many nodes");
  struct node *node = &sim->nodes[sim->count++];
  node->sim = sim;
  node->up = true;
  (void)snprintf(node->name, sizeof node->name, "n%zu", sim->count);
  const uint64_t id = lh_random_next(&sim->random);
  memcpy(node->run.id.bytes, &id, sizeof id);
  node->run.epoch = 1;
  node->self = lh_runs_index(sim->runs, &node->run);
  lh_runs_set_name(sim->runs, node->self, node->name);
  node->registry = lh_registry_new(sim->runs, node->self, sim->key, &registry_ops, node);
  node->hubs = lh_hubs_new(sim->runs, node->self, node->name, node->registry, &hub_ops, node);
  struct lh_hub_config config = {.id = lh_bytes_str("h"), .deterministic = !sim->custom};
  config.distribution = sim->custom ? LH_DISTRIBUTION_CUSTOM : LH_DISTRIBUTION_RENDEZVOUS;
  config.migration = sim->hot ? LH_MIGRATION_HOT : LH_MIGRATION_COLD;
  config.handover = sim->hot;
  if (lh_hubs_open(node->hubs, sim->now, &config, &error) != LH_OK)
    return luaL_error(L, "%s", error.text);
  for (size_t i = 0; i + 1 < sim->count; i++) {
    if (!sim->nodes[i].up) continue;
    struct event *event = later(sim, delay(sim, 300), meet);
    event->from = sim->nodes[i].self;
    event->to = node->self;
  }
  lua_pushinteger(L, (lua_Integer)sim->count);
  return 1;
}

static void write_spec(struct lh_buf *out, const char *id, const char *restart) {
  lh_write_map(out, 3);
  lh_write_cstr(out, "id");
  lh_write_cstr(out, id);
  lh_write_cstr(out, "restart");
  lh_write_cstr(out, restart);
  lh_write_cstr(out, "start");
  lh_write_array(out, 1);
  lh_write_cstr(out, "m");
}

static int sim_start(lua_State *L) {  // start(node, first, last, restart)
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  const lua_Integer first = luaL_checkinteger(L, 3);
  const lua_Integer last = luaL_checkinteger(L, 4);
  const char *restart = luaL_optstring(L, 5, "permanent");
  struct lh_buf value = LH_BUF_EMPTY;
  lh_write_map(&value, 2);
  lh_write_cstr(&value, "children");
  lh_write_array(&value, (uint32_t)(last - first + 1));
  for (lua_Integer i = first; i <= last; i++) {
    char id[32];
    (void)snprintf(id, sizeof id, "c%lld", (long long)i);
    write_spec(&value, id, restart);
  }
  lh_write_cstr(&value, "hub");
  lh_write_cstr(&value, "h");
  lh_hubs_start(node->hubs, sim->now, 1, lh_bytes_of(&value));
  lh_buf_free(&value);
  return 0;
}

static int sim_stop(lua_State *L) {  // stop(node, first, last)
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  const lua_Integer first = luaL_checkinteger(L, 3);
  const lua_Integer last = luaL_checkinteger(L, 4);
  struct lh_buf value = LH_BUF_EMPTY;
  lh_write_map(&value, 2);
  lh_write_cstr(&value, "hub");
  lh_write_cstr(&value, "h");
  lh_write_cstr(&value, "ids");
  lh_write_array(&value, (uint32_t)(last - first + 1));
  for (lua_Integer i = first; i <= last; i++) {
    char id[32];
    (void)snprintf(id, sizeof id, "c%lld", (long long)i);
    lh_write_cstr(&value, id);
  }
  lh_hubs_stop(node->hubs, sim->now, 1, lh_bytes_of(&value));
  lh_buf_free(&value);
  return 0;
}

static int sim_crash(lua_State *L) {
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  if (!node->up) return 0;
  node->up = false;
  kill_actors(sim, node->self);
  spread_end(node, false, luaL_optinteger(L, 3, 500));
  return 0;
}

static int sim_leave(lua_State *L) {
  struct sim *sim = check(L);
  const struct node *node = check_node(L, sim, 2);
  if (node->up) lh_hubs_leave(node->hubs, sim->now);
  return 0;
}

static int sim_run(lua_State *L) {
  run_for(check(L), luaL_checkinteger(L, 2));
  return 0;
}

static int sim_set_state(lua_State *L) {  // every running instance gets a state of its own
  struct sim *sim = check(L);
  for (size_t i = 0; i < sim->actor_count; i++) sim->actors[i].state = atoi(sim->actors[i].id + 1);
  return 0;
}

static int sim_fail_every(lua_State *L) {
  check(L)->fail_every = luaL_checkinteger(L, 2);
  return 0;
}

static int sim_end_child(lua_State *L) {  // end_child(id, abnormal): it ends by itself
  struct sim *sim = check(L);
  const char *id = luaL_checkstring(L, 2);
  for (size_t i = 0; i < sim->actor_count; i++) {
    struct actor actor = sim->actors[i];
    if (strcmp(actor.id, id) != 0) continue;
    actor_remove(sim, &sim->actors[i]);
    lh_hubs_ended(node_of(sim, actor.node)->hubs, sim->now, actor.token, lua_toboolean(L, 3),
                  "it ended");
    return 0;
  }
  return luaL_error(L, "no child %s runs", id);
}

// What runs: id -> { nodes = {...}, state = n }, by the actors.
static int sim_truth(lua_State *L) {
  struct sim *sim = check(L);
  lua_newtable(L);
  for (size_t i = 0; i < sim->actor_count; i++) {
    const struct actor *actor = &sim->actors[i];
    if (lua_getfield(L, -1, actor->id) == LUA_TNIL) {
      lua_pop(L, 1);
      lua_newtable(L);
      lua_pushvalue(L, -1);
      lua_setfield(L, -3, actor->id);
    }
    lua_pushstring(L, lh_runs_name(sim->runs, actor->node));
    lua_rawseti(L, -2, luaL_len(L, -2) + 1);
    lua_pushinteger(L, actor->state);
    lua_setfield(L, -2, "state");
    lua_pop(L, 1);
  }
  return 1;
}

struct dump {
  struct sim *sim;
  struct lh_buf text;  // NUL-terminated lines: no Lua call inside a read section
};

static bool dump_row(void *self, const struct lh_row *row) {
  struct dump *dump = self;
  char text[96];
  const int len =
      snprintf(text, sizeof text, "%.*s@%s/%llu/%d", (int)lh_row_id(row).len,
               (const char *)lh_row_id(row).data, lh_runs_name(dump->sim->runs, row->node),
               (unsigned long long)row->generation, row->state);
  lh_buf_append(&dump->text, text, (size_t)len + 1);
  return true;
}

static int sim_rows(lua_State *L) {  // rows(node): "id@node/generation/state", unsorted
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  struct dump dump = {.sim = sim};
  const int hub = lh_registry_hub_find(node->registry, lh_bytes_str("h"));
  if (hub >= 0) lh_registry_scan(node->registry, (uint32_t)hub, dump_row, &dump);
  lua_newtable(L);
  lua_Integer count = 0;
  for (size_t at = 0; at < dump.text.len; at += strlen((const char *)dump.text.data + at) + 1) {
    lua_pushstring(L, (const char *)dump.text.data + at);
    lua_rawseti(L, -2, ++count);
  }
  lh_buf_free(&dump.text);
  return 1;
}

static int sim_figures(lua_State *L) {
  const struct sim *sim = check(L);
  lua_newtable(L);
  lua_pushinteger(L, (lua_Integer)sim->twice);
  lua_setfield(L, -2, "twice");
  lua_pushinteger(L, (lua_Integer)sim->drained);
  lua_setfield(L, -2, "drained");
  lua_pushinteger(L, (lua_Integer)sim->replies);
  lua_setfield(L, -2, "replies");
  return 1;
}

static int sim_up(lua_State *L) {
  struct sim *sim = check(L);
  lua_pushboolean(L, check_node(L, sim, 2)->up);
  return 1;
}

static int sim_settled(lua_State *L) {
  struct sim *sim = check(L);
  for (size_t i = 0; i < sim->count; i++) {
    if (sim->nodes[i].up && lh_hubs_state(sim->nodes[i].hubs, lh_bytes_str("h")).locked) return 0;
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int sim_gc(lua_State *L) {
  struct sim *sim = check(L);
  struct lh_due *due;
  while ((due = lh_heap_pop(&sim->events, LH_NEVER)) != NULL)
    event_free(LH_ENTRY(due, struct event, due));
  for (size_t i = 0; i < sim->count; i++) {
    lh_hubs_free(sim->nodes[i].hubs);
    sim->nodes[i].hubs = NULL;
    lh_registry_free(sim->nodes[i].registry);
  }
  lh_heap_free(&sim->events);
  lh_runs_free(sim->runs);
  lh_free(sim->actors);
  lh_free(sim);
  return 0;
}

__attribute__((visibility("default"))) int luaopen_luahub_test_hub(lua_State *L);

int luaopen_luahub_test_hub(lua_State *L) {
  static const luaL_Reg methods[] = {{"crash", sim_crash},
                                     {"end_child", sim_end_child},
                                     {"fail_every", sim_fail_every},
                                     {"figures", sim_figures},
                                     {"join", sim_join},
                                     {"leave", sim_leave},
                                     {"rows", sim_rows},
                                     {"run", sim_run},
                                     {"set_state", sim_set_state},
                                     {"settled", sim_settled},
                                     {"start", sim_start},
                                     {"stop", sim_stop},
                                     {"truth", sim_truth},
                                     {"up", sim_up},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", sim_new}, {NULL, NULL}};
  lh_registry_thread_enter();
  lh_log_set_level(LH_LOG_NONE);
  luaL_newmetatable(L, SIM);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, sim_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
