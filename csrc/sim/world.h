// world.h - many whole nodes in one process, on one virtual clock, from one seed.
//
// A world is an lh_sim (env/sim.h) with real nodes on its hosts: csrc/node with its links, members,
// registry, hubs and actors, nothing replaced but the environment. What a node's program does is
// told to it from outside (lh_world_command), since a simulated node has no main program.
//
//   DOWN --start--> UP --crash--> DOWN
//                    '--leaves (has_ended), then end--> DOWN        start again: the same files
//
// Not here: what happens when and what must hold (lua/luahub/sim), what Lua sees (csrc/lua).
// Memory: the world owns all of it. One thread, which is a registered reader of registries.
#ifndef LH_SIM_WORLD_H
#define LH_SIM_WORLD_H

#include "base/err.h"
#include "env/sim.h"
#include "node/node.h"
#include "sim/watch.h"

struct lh_world;

enum {
  LH_WORLD_NODES_MAX = 500,
  LH_WORLD_PORT = 7946,
  LH_WORLD_SEEDS = 3,
  LH_WORLD_SPIN_MAX = 1000000,  // events at one time: more, and something spins
};

struct lh_world_config {
  uint64_t seed;
  bool watched;                       // what nodes hold is compared after each event, see watch.h
  bool imitates;                      // links have no ciphers, see lh_sim_imitate
  const char *path, *cpath;           // for every heap
  int (*open_core)(void *lua_state);  // luaopen_luahub_core
  // Each Lua state of each node, before anything runs in it; in protected mode.
  void (*heap_opened)(void *self, size_t node, struct lua_State *L);
  void *self;
};

struct lh_world *lh_world_new(const struct lh_world_config *config);
void lh_world_free(struct lh_world *world);
// The network, the clock and the hosts of it.
struct lh_sim *lh_world_sim(struct lh_world *world);

// Adds a node that is down: "n1", "n2", ... Its number, from 0 on, or LH_ELIMIT.
int lh_world_add(struct lh_world *world);
// The same with a copy of that node's disk, as it is now: two nodes of one identity.
int lh_world_clone(struct lh_world *world, size_t node);
// The same with another cluster's secret: it knocks at the others, and belongs to nobody.
int lh_world_stranger(struct lh_world *world);
size_t lh_world_count(const struct lh_world *world);
const char *lh_world_name(const struct lh_world *world, size_t node);
const char *lh_world_address(const struct lh_world *world, size_t node);   // of its host
struct lh_node *lh_world_node(const struct lh_world *world, size_t node);  // NULL: down

// 0, LH_EEXISTS when it is up, or what lh_node_open answers. It joins through the first nodes.
int lh_world_start(struct lh_world *world, size_t node, struct lh_error *error);
void lh_world_crash(struct lh_world *world, size_t node, enum lh_sim_crash how);
void lh_world_end(struct lh_world *world, size_t node);  // the process of a node that has left ends
// Of nodes that are down: at its next start it is a new node; or it is at another address, with its
// disk.
void lh_world_wipe(struct lh_world *world, size_t node);
void lh_world_move(struct lh_world *world, size_t node);
// Its machine lost power while the node wrote a file: nothing of it runs any more, and it is to be
// crashed.
bool lh_world_lost_power(const struct lh_world *world, size_t node);
// The node is killed (`stall` 0), or does not run for so long, the how manieth time that it comes
// to this step (base/failpoint.h). False: this build has no such steps.
bool lh_world_strike(struct lh_world *world, size_t node, const char *step, unsigned times,
                     lh_ms stall);
bool lh_world_is_struck(const struct lh_world *world, size_t node);  // it came to it
// The node's main program needs so long for each question (strategies, immediate hooks).
void lh_world_slow(struct lh_world *world, size_t node, lh_ms ms);
// Runs require(module)(args...) as an actor of the node's main heap; nothing when it is down.
void lh_world_command(struct lh_world *world, size_t node, struct lh_bytes module,
                      struct lh_bytes args, uint32_t arg_count);

// All events up to and at `until`: LH_OK. LH_EAGAIN: fewer, since lh_world_pause was called
// meanwhile. LH_ELIMIT: a node is busy without end; the clock stands still.
int lh_world_run(struct lh_world *world, lh_ms until);
void lh_world_pause(struct lh_world *world);
// Of a world that is watched: the first invariant that was found broken, or NULL. Looks at all
// nodes.
const struct lh_watch_problem *lh_world_look(struct lh_world *world);
// Over all that happened and what each node's registry holds: equal for equal histories.
uint64_t lh_world_hash(const struct lh_world *world);

#endif
