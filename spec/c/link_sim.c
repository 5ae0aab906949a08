// rooms: base env wire link
// link_sim.c (spec) - many nodes' links in the simulated world: everybody dials everybody at once,
// links are cut and closed at random, datagrams are lost and doubled. One call plays one history
// and answers what the invariants need.
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "env/sim.h"
#include "link/link.h"

enum { NODES_MAX = 16, PORT = 7000, STEP_MS = 100, DIAL_EVERY = 5 };

struct world;

struct node {
  struct world *world;
  size_t number;
  struct lh_env *env;
  struct lh_runs *runs;
  struct lh_identity identity;
  struct lh_links *links;
  struct lh_addr addr;
  bool up[NODES_MAX];
  uint32_t sent[NODES_MAX];  // frames since the link came up
  uint32_t got[NODES_MAX];
  uint32_t last_datagram[NODES_MAX];
};

struct world {
  struct lh_sim *sim;
  struct node nodes[NODES_MAX];
  size_t count;
  uint32_t next_datagram;
  lua_Integer ups, downs, frames, datagrams,
      breaches;  // breaches: of order, of pairing of up and down
};

static uint32_t index_of(const struct node *node, const struct node *other) {
  const struct lh_run run = {other->identity.id, 1};
  return lh_runs_index(node->runs, &run);
}

static struct node *other_of(struct node *node, uint32_t peer) {
  const struct lh_run *run = lh_runs_at(node->runs, peer);
  for (size_t i = 0; i < node->world->count; i++) {
    struct node *other = &node->world->nodes[i];
    if (lh_node_id_equal(&other->identity.id, &run->id)) return other;
  }
  return NULL;
}

static int on_hello(void *self, const struct lh_hello *peer, struct lh_buf *answer) {
  (void)self;
  (void)peer;
  (void)answer;
  return 0;
}

static void on_up(void *self, uint32_t peer, const struct lh_hello *hello) {
  struct node *node = self;
  const size_t number = other_of(node, peer)->number;
  (void)hello;
  if (node->up[number]) node->world->breaches++;
  node->up[number] = true;
  node->sent[number] = node->got[number] = 0;
  node->world->ups++;
}

static void on_down(void *self, uint32_t peer, const char *reason) {
  struct node *node = self;
  const size_t number = other_of(node, peer)->number;
  (void)reason;
  if (!node->up[number]) node->world->breaches++;
  node->up[number] = false;
  node->world->downs++;
}

// Frames of one link count up from 0 without a gap.
static void on_frame(void *self, uint32_t peer, uint8_t type, struct lh_bytes body) {
  struct node *node = self;
  const size_t number = other_of(node, peer)->number;
  uint32_t counter;
  (void)type;
  memcpy(&counter, body.data, sizeof counter);
  if (!node->up[number] || counter != node->got[number]) node->world->breaches++;
  node->got[number] = counter + 1;
  node->world->frames++;
}

// The network doubles datagrams; no number may come twice.
static void on_datagram(void *self, uint32_t peer, struct lh_bytes body) {
  struct node *node = self;
  const size_t number = other_of(node, peer)->number;
  uint32_t counter;
  memcpy(&counter, body.data, sizeof counter);
  if (counter == node->last_datagram[number]) node->world->breaches++;
  node->last_datagram[number] = counter;
  node->world->datagrams++;
}

static void on_dial_failed(void *self, const struct lh_addr *to, int err, int code,
                           const struct lh_run *run, struct lh_bytes answer, const char *reason) {
  (void)self, (void)to, (void)err, (void)code, (void)run, (void)answer, (void)reason;
}

static void on_frames_end(void *self) { (void)self; }

static const struct lh_links_ops ops = {on_hello,      on_up,       on_down,       on_frame,
                                        on_frames_end, on_datagram, on_dial_failed};

static void start_node(struct world *world, size_t number) {
  struct node *node = &world->nodes[number];
  char host[32];
  char address[LH_ADDR_TEXT_MAX];
  char name[16];
  uint8_t key[32] = {1};
  struct lh_error error;
  (void)snprintf(host, sizeof host, "10.0.0.%u", (unsigned)(number + 1));
  (void)snprintf(address, sizeof address, "%s:%d", host, PORT);
  (void)snprintf(name, sizeof name, "n%u", (unsigned)(number + 1));
  key[1] = (uint8_t)number;
  (void)lh_identity_restore(&node->identity, key);
  (void)lh_addr_parse(&node->addr, address);
  node->world = world;
  node->number = number;
  node->env = lh_sim_host(world->sim, host);
  node->runs = lh_runs_new();
  const struct lh_links_config config = {.env = node->env,
                                         .runs = node->runs,
                                         .identity = &node->identity,
                                         .secret = {{7}},
                                         .cluster = "sim",
                                         .name = name,
                                         .epoch = 1,
                                         .listen = node->addr};
  node->links = lh_links_new(&config, &ops, node, &error);
}

static void dial_all(struct world *world) {
  for (size_t i = 0; i < world->count; i++) {
    for (size_t j = 0; j < world->count; j++) {
      if (i != j && !world->nodes[i].up[j])
        lh_links_dial(world->nodes[i].links, &world->nodes[j].addr);
    }
  }
}

static void talk(struct world *world, struct node *node, struct node *other) {
  const uint32_t peer = index_of(node, other);
  if (node->up[other->number]) {
    const uint32_t counter = node->sent[other->number];
    const int err =
        lh_links_send(node->links, peer, LH_CLASS_STATE, 1, lh_bytes(&counter, sizeof counter));
    if (err == 0) node->sent[other->number]++;
  }
  const uint32_t datagram = ++world->next_datagram;
  (void)lh_links_datagram(node->links, peer, &other->addr, lh_bytes(&datagram, sizeof datagram));
}

static struct node *any_node(struct world *world) {
  return &world->nodes[lh_sim_random(world->sim) % world->count];
}

static void disturb(struct world *world) {
  struct node *node = any_node(world);
  struct node *other = any_node(world);
  char from[32];
  char to[32];
  if (node == other) return;
  (void)snprintf(from, sizeof from, "10.0.0.%u", (unsigned)(node->number + 1));
  (void)snprintf(to, sizeof to, "10.0.0.%u", (unsigned)(other->number + 1));
  switch (lh_sim_random(world->sim) % 4) {
  case 0:
    lh_links_close(node->links, index_of(node, other), "chance");
    break;
  case 1:
    lh_sim_cut(world->sim, from, to, true);
    break;
  case 2:
    lh_sim_cut(world->sim, from, to, false);
    break;
  default:
    lh_sim_stall(world->sim, from, (lh_ms)(lh_sim_random(world->sim) % 3000));
    break;
  }
}

static void heal(struct world *world) {
  for (size_t i = 0; i < world->count; i++) {
    for (size_t j = 0; j < world->count; j++) {
      char from[32];
      char to[32];
      (void)snprintf(from, sizeof from, "10.0.0.%u", (unsigned)(i + 1));
      (void)snprintf(to, sizeof to, "10.0.0.%u", (unsigned)(j + 1));
      lh_sim_cut(world->sim, from, to, false);
    }
  }
}

static void play(struct world *world, lua_Integer steps, bool faults) {
  for (lua_Integer step = 0; step < steps; step++) {
    if (step % DIAL_EVERY == 0) dial_all(world);
    if (faults) disturb(world);
    for (size_t i = 0; i < world->count; i++) talk(world, &world->nodes[i], any_node(world));
    lh_sim_run_until(world->sim, lh_sim_now(world->sim) + STEP_MS);
  }
}

// Pairs of which both, one or none believe that they are linked.
static void count_pairs(struct world *world, lua_Integer found[3]) {
  for (size_t i = 0; i < world->count; i++) {
    for (size_t j = i + 1; j < world->count; j++) {
      found[(world->nodes[i].up[j] ? 1 : 0) + (world->nodes[j].up[i] ? 1 : 0)]++;
    }
  }
}

static void end_world(struct world *world) {
  for (size_t i = 0; i < world->count; i++) {
    lh_links_free(world->nodes[i].links);
    lh_env_free(world->nodes[i].env);
    lh_runs_free(world->nodes[i].runs);
  }
  lh_sim_free(world->sim);
  lh_free(world);
}

static void set(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

// link_sim.play(seed, nodes, steps, faults, imitated) -> { both, one, none, ups, downs, frames,
// datagrams, breaches, trace }
static int sim_play(lua_State *L) {
  const struct lh_sim_path path = {
      .delay_min = 1, .delay_max = 40, .loss = 50000, .duplicate = 100000};
  const uint64_t seed = (uint64_t)luaL_checkinteger(L, 1);
  const lua_Integer nodes = luaL_checkinteger(L, 2);
  luaL_argcheck(L, nodes >= 2 && nodes <= NODES_MAX, 2, "2 to 16 nodes");
  struct world *world = LH_NEW(struct world);
  world->sim = lh_sim_new(seed);
  lh_sim_set_network(world->sim, &path);
  if (lua_toboolean(L, 5)) lh_sim_imitate(world->sim);
  for (; world->count < (size_t)nodes; world->count++) start_node(world, world->count);
  play(world, luaL_checkinteger(L, 3), lua_toboolean(L, 4));
  heal(world);
  // Longer than a stall, a broken stream's end and a stale half's patience together.
  play(world, 400, false);
  lua_Integer pairs[3] = {0};
  count_pairs(world, pairs);
  lua_newtable(L);
  set(L, "none", pairs[0]);
  set(L, "one", pairs[1]);
  set(L, "both", pairs[2]);
  set(L, "ups", world->ups);
  set(L, "downs", world->downs);
  set(L, "frames", world->frames);
  set(L, "datagrams", world->datagrams);
  set(L, "breaches", world->breaches);
  set(L, "trace", (lua_Integer)lh_sim_trace(world->sim));
  end_world(world);
  return 1;
}

static const luaL_Reg functions[] = {{"play", sim_play}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_luahub_test_link_sim(lua_State *L);

int luaopen_luahub_test_link_sim(lua_State *L) {
  lh_log_set_level(LH_LOG_NONE);
  luaL_newlib(L, functions);
  return 1;
}
