// world.c - the nodes of a simulation: made, started on their hosts, crashed, run. See world.h.
//
// A node's key is on its host's simulated disk before it starts, made from the seed, the node's
// number and how often it was wiped, since keys too are part of a history.
#include "sim/world.h"

#include <stdio.h>
#include <string.h>

#include "actor/actor.h"
#include "base/failpoint.h"
#include "base/hash.h"
#include "base/mem.h"
#include "link/link.h"
#include "sim/watch.h"

enum { NAME_MAX_LEN = 16, STEP_MAX_LEN = 32, ADDRESS_MAX_LEN = 32, KEY_LEN = 32 };

#define DATA_DIR "data"

struct place {  // where one node lives, also while it is down
  struct lh_world *world;
  size_t number;
  char name[NAME_MAX_LEN];
  char address[ADDRESS_MAX_LEN];
  char listen[ADDRESS_MAX_LEN + 8];
  unsigned wipes;
  unsigned moves;
  lh_ms slow_ms;
  bool has_key;
  bool strange;
  struct {
    char step[STEP_MAX_LEN];
    unsigned times;  // 0: not any more
    lh_ms stall;
  } strike;
  struct lh_node *node;
};

struct lh_world {
  struct lh_world_config config;
  struct lh_sim *sim;
  struct place *places[LH_WORLD_NODES_MAX];
  size_t count;
  bool paused;
  unsigned spins;  // events since the clock moved
  struct lh_signatures *signatures;
  struct lh_watch *watch;
};

struct lh_world *lh_world_new(const struct lh_world_config *config) {
  struct lh_world *world = LH_NEW(struct lh_world);
  world->config = *config;
  world->config.path = config->path != NULL ? lh_strdup(config->path) : NULL;
  world->config.cpath = config->cpath != NULL ? lh_strdup(config->cpath) : NULL;
  world->sim = lh_sim_new(config->seed);
  if (config->imitates) lh_sim_imitate(world->sim);
  world->signatures = lh_signatures_new(config->imitates);
  world->watch = config->watched ? lh_watch_new() : NULL;
  return world;
}

void lh_world_free(struct lh_world *world) {
  for (size_t i = 0; i < world->count; i++) {
    lh_world_crash(world, i, LH_SIM_VANISHED);
    lh_free(world->places[i]);
  }
  lh_sim_free(world->sim);
  lh_signatures_free(world->signatures);
  lh_watch_free(world->watch);
  lh_free((char *)world->config.path);
  lh_free((char *)world->config.cpath);
  lh_free(world);
}

struct lh_sim *lh_world_sim(struct lh_world *world) {
  return world->sim;
}

static void find_address(struct place *place) {
  const unsigned number = (unsigned)place->number + 1;
  (void)snprintf(place->address, sizeof place->address, "10.%u.%u.%u", place->moves % 250,
                 number / 250, number % 250 + 1);
  (void)snprintf(place->listen, sizeof place->listen, "%s:%d", place->address, LH_WORLD_PORT);
}

int lh_world_add(struct lh_world *world) {
  if (world->count >= LH_WORLD_NODES_MAX) return LH_ELIMIT;
  struct place *place = LH_NEW(struct place);
  const unsigned number = (unsigned)world->count + 1;
  place->world = world;
  place->number = world->count;
  (void)snprintf(place->name, sizeof place->name, "n%u", number);
  find_address(place);
  world->places[world->count] = place;
  return (int)world->count++;
}

int lh_world_clone(struct lh_world *world, size_t node) {
  const int clone = lh_world_add(world);
  if (clone < 0) return clone;
  struct place *place = world->places[clone];
  const struct place *original = world->places[node];
  lh_sim_copy(world->sim, original->address, place->address);
  place->has_key = original->has_key;
  if (world->watch != NULL) lh_watch_cloned(world->watch, node, (size_t)clone);
  return clone;
}

int lh_world_stranger(struct lh_world *world) {
  const int stranger = lh_world_add(world);
  if (stranger >= 0) world->places[stranger]->strange = true;
  return stranger;
}

size_t lh_world_count(const struct lh_world *world) { return world->count; }
const char *lh_world_name(const struct lh_world *world, size_t node) {
  return world->places[node]->name;
}
const char *lh_world_address(const struct lh_world *world, size_t node) {
  return world->places[node]->address;
}
struct lh_node *lh_world_node(const struct lh_world *world, size_t node) {
  return world->places[node]->node;
}

// --- start ---

static int write_key(struct place *place, struct lh_env *env, struct lh_error *error) {
  uint8_t key[KEY_LEN];
  struct lh_random random = {
      lh_hash_mix(place->world->config.seed, lh_hash_mix(place->number + 1, place->wipes + 1))};
  for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)lh_random_next(&random);
  return lh_file_write(env, DATA_DIR "/identity", lh_bytes(key, sizeof key), 0600, error);
}

static void add_joins(const struct lh_world *world, size_t node, struct lh_node_config *config) {
  for (size_t i = 0; i < world->count && config->join_count < LH_WORLD_SEEDS; i++) {
    if (i != node) config->joins[config->join_count++] = world->places[i]->listen;
  }
}

static void heap_opened(void *data, struct lua_State *L) {
  const struct place *place = data;
  const struct lh_world_config *config = &place->world->config;
  if (config->heap_opened != NULL) config->heap_opened(config->self, place->number, L);
}

int lh_world_start(struct lh_world *world, size_t node, struct lh_error *error) {
  struct place *place = world->places[node];
  if (place->node != NULL) return lh_fail(error, LH_EEXISTS, "%s is up already", place->name);
  struct lh_env *env = lh_sim_host(world->sim, place->address);
  const int err = place->has_key ? LH_OK : write_key(place, env, error);
  if (err != LH_OK) {
    lh_env_free(env);
    return err;
  }
  place->has_key = true;
  lh_sim_host_mark(world->sim, place->address, (uint32_t)node + 1);
  struct lh_node_config config = {
      .name = place->name,
      .listen = place->listen,
      .has_secret = true,
      .secret = {{place->strange ? 8 : 7}},
      .data_dir = DATA_DIR,
      .path = world->config.path,
      .cpath = world->config.cpath,
      .open_core = world->config.open_core,
      .heap_opened = heap_opened,
      .heap_data = place,
  };
  add_joins(world, node, &config);
  place->node = lh_node_open(&config, env, error);
  if (place->node == NULL) return LH_EFAILED;
  lh_actors_slow_main(lh_node_actors(place->node), place->slow_ms);
  if (world->watch != NULL) lh_watch_started(world->watch, node, place->node);
  return LH_OK;
}

void lh_world_crash(struct lh_world *world, size_t node, enum lh_sim_crash how) {
  struct place *place = world->places[node];
  if (place->node == NULL) return;
  lh_sim_crash(world->sim, place->address, how);
  if (world->watch != NULL) lh_watch_gone(world->watch, node);
  lh_node_free(place->node);
  place->node = NULL;
}

// As the machine sees it a process that ends is one that was killed: its sockets are closed.
void lh_world_end(struct lh_world *world, size_t node) {
  lh_world_crash(world, node, LH_SIM_KILLED);
}

void lh_world_wipe(struct lh_world *world, size_t node) {
  struct place *place = world->places[node];
  place->wipes++;
  place->has_key = false;
  lh_sim_wipe(world->sim, place->address);
}

void lh_world_move(struct lh_world *world, size_t node) {
  struct place *place = world->places[node];
  char before[ADDRESS_MAX_LEN];
  if (place->node != NULL) return;
  memcpy(before, place->address, sizeof before);
  place->moves++;
  find_address(place);
  lh_sim_move(world->sim, before, place->address);
}

bool lh_world_lost_power(const struct lh_world *world, size_t node) {
  const struct place *place = world->places[node];
  return place->node != NULL && !lh_sim_is_up(world->sim, place->address);
}

#ifdef LH_PLANTS
// The rest of the turn is lost with a node that is killed; what one that stands still says in it is
// sent when it goes on.
static void at_step(void *self, const char *name) {
  const struct lh_world *world = self;
  const uint32_t mark = lh_sim_last(world->sim);
  struct place *place = mark > 0 ? world->places[mark - 1] : NULL;
  if (place == NULL || place->strike.times == 0 || strcmp(place->strike.step, name) != 0) return;
  if (--place->strike.times > 0) return;
  if (place->strike.stall > 0)
    lh_sim_stall(world->sim, place->address, place->strike.stall);
  else
    lh_sim_crash(world->sim, place->address, LH_SIM_KILLED);
}

static void watch_steps(struct lh_world *world) { lh_failpoint_watch(at_step, world); }

static void leave_steps(void) { lh_failpoint_watch(NULL, NULL); }
#else
static void watch_steps(const struct lh_world *world) { (void)world; }

static void leave_steps(void) {}
#endif

bool lh_world_strike(struct lh_world *world, size_t node, const char *step, unsigned times,
                     lh_ms stall) {
  struct place *place = world->places[node];
  (void)snprintf(place->strike.step, sizeof place->strike.step, "%s", step);
  place->strike.times = times;
  place->strike.stall = stall;
#ifdef LH_PLANTS
  return true;
#else
  return false;
#endif
}

bool lh_world_is_struck(const struct lh_world *world, size_t node) {
  const struct place *place = world->places[node];
  return place->strike.step[0] != '\0' && place->strike.times == 0;
}

void lh_world_slow(struct lh_world *world, size_t node, lh_ms ms) {
  struct place *place = world->places[node];
  place->slow_ms = ms;
  if (place->node != NULL) lh_actors_slow_main(lh_node_actors(place->node), ms);
}

void lh_world_command(struct lh_world *world, size_t node, struct lh_bytes module,
                      struct lh_bytes args, uint32_t arg_count) {
  struct lh_node *up = world->places[node]->node;
  if (up == NULL) return;
  lh_actors_spawn_main(lh_node_actors(up), module, args, arg_count);
  lh_node_wake(up);
}

// --- time ---

static void watch_last(struct lh_world *world) {
  const uint32_t mark = lh_sim_last(world->sim);
  if (mark == 0 || world->places[mark - 1]->node == NULL) return;
  lh_watch_event(world->watch, mark - 1, world->places[mark - 1]->node);
}

const struct lh_watch_problem *lh_world_look(struct lh_world *world) {
  if (world->watch == NULL) return NULL;
  for (size_t i = 0; i < world->count; i++) {
    if (world->places[i]->node != NULL) lh_watch_look(world->watch, i, world->places[i]->node);
  }
  const struct lh_watch_problem *problem = lh_watch_problem(world->watch);
  return problem->name != NULL ? problem : NULL;
}

int lh_world_run(struct lh_world *world, lh_ms until) {
  lh_ms since = lh_sim_now(world->sim);
  world->paused = false;
  watch_steps(world);
  while (!world->paused && lh_sim_next(world->sim) <= until) {
    (void)lh_sim_step(world->sim);
    if (world->watch != NULL) watch_last(world);
    const lh_ms now = lh_sim_now(world->sim);
    world->spins = now == since ? world->spins + 1 : 0;
    since = now;
    if (world->spins > LH_WORLD_SPIN_MAX) break;
  }
  leave_steps();
  if (world->spins > LH_WORLD_SPIN_MAX) return LH_ELIMIT;
  if (world->paused) return LH_EAGAIN;
  lh_sim_run_until(world->sim, until);
  return LH_OK;
}

void lh_world_pause(struct lh_world *world) { world->paused = true; }

uint64_t lh_world_hash(const struct lh_world *world) {
  uint64_t hash = lh_sim_trace(world->sim);
  for (size_t i = 0; i < world->count; i++) {
    uint8_t digest[16] = {0};
    if (world->places[i]->node != NULL)
      lh_registry_digest(lh_node_registry(world->places[i]->node), digest);
    hash = lh_hash_mix(hash, lh_hash(digest, sizeof digest, i));
  }
  return hash;
}
