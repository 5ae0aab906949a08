// world.c - the simulator as Lua sees it: core.world(seed, path, cpath).
//
// A world is a userdata that owns a whole simulation; closing or collecting it ends it. Nodes are
// named by their number, from 1 on. The words for scenarios are in lua/luahub/sim; here are only
// the levers. Runs in the state of the scenario, which is no node's.
#include "lua/world.h"

#include "actor/actor.h"
#include "base/log.h"
#include "base/mem.h"
#include "script/script.h"
#include "wire/wire.h"

#include <string.h>

#define WORLD "luahub.core.world"

struct lh_core_world *lh_core_check_world(lua_State *L) {
  struct lh_core_world *self = luaL_checkudata(L, 1, WORLD);
  if (self->world == NULL) luaL_error(L, "the simulation is closed");
  return self;
}

size_t lh_core_check_node(lua_State *L, const struct lh_core_world *self, int arg) {
  const lua_Integer number = luaL_checkinteger(L, arg);
  luaL_argcheck(L, number >= 1 && (size_t)number <= lh_world_count(self->world), arg,
                "no such node in this simulation");
  return (size_t)number - 1;
}

static struct lh_sim *sim_of(const struct lh_core_world *self) { return lh_world_sim(self->world); }

static const char *address(lua_State *L, const struct lh_core_world *self, int arg) {
  return lh_world_address(self->world, lh_core_check_node(L, self, arg));
}

// --- life ---

static int world_close(lua_State *L) {
  struct lh_core_world *self = luaL_checkudata(L, 1, WORLD);
  struct lh_list *at;
  if (self->world == NULL) return 0;
  lh_world_free(self->world);
  self->world = NULL;
  lh_log_set_level((enum lh_log_level)self->log_level);
  while ((at = lh_list_pop(&self->answers)) != NULL) {
    struct lh_core_answer *answer = LH_ENTRY(at, struct lh_core_answer, link);
    lh_buf_free(&answer->value);
    lh_free(answer);
  }
  lh_buf_free(&self->told);
  return 0;
}

static int push_new(lua_State *L, int node) {
  if (node < 0)
    return lh_script_fail(L, "limit", "a simulation has at most %d nodes", LH_WORLD_NODES_MAX);
  lua_pushinteger(L, node + 1);
  return 1;
}

// world:add() -> number of the new node, which is down
static int world_add(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  return push_new(L, lh_world_add(self->world));
}

// world:stranger() -> number of a new node, which is down, with another cluster's secret
static int world_stranger(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  return push_new(L, lh_world_stranger(self->world));
}

// world:clone(node) -> number of a new node, which is down, with a copy of that one's disk
static int world_clone(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  return push_new(L, lh_world_clone(self->world, lh_core_check_node(L, self, 2)));
}

// world:start(node) -> true | nil, err
static int world_start(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  struct lh_error error;
  if (lh_world_start(self->world, lh_core_check_node(L, self, 2), &error) != LH_OK)
    return lh_script_fail_with(L, &error);
  lua_pushboolean(L, 1);
  return 1;
}

// world:crash(node, vanish)
static int world_crash(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lh_world_crash(self->world, lh_core_check_node(L, self, 2),
                 lua_toboolean(L, 3) ? LH_SIM_VANISHED : LH_SIM_KILLED);
  return 0;
}

static int world_finish(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lh_world_end(self->world, lh_core_check_node(L, self, 2));
  return 0;
}

static int world_wipe(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lh_world_wipe(self->world, lh_core_check_node(L, self, 2));
  return 0;
}

static int world_move(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lh_world_move(self->world, lh_core_check_node(L, self, 2));
  return 0;
}

// world:state(node) -> "down", "up", "ended", or "lost": its machine has no power any more
static int world_state(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const size_t number = lh_core_check_node(L, self, 2);
  const struct lh_node *node = lh_world_node(self->world, number);
  const bool lost = lh_world_lost_power(self->world, number);
  const char *state = lost                      ? "lost"
                      : node == NULL            ? "down"
                      : lh_node_has_ended(node) ? "ended"
                                                : "up";
  lua_pushstring(L, state);
  return 1;
}

// --- time and chance ---

// world:run(ms) -> true, or false when an answer came before; nil, err when a node spins
static int world_run(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const int err = lh_world_run(self->world, (lh_ms)luaL_checkinteger(L, 2));
  if (err == LH_ELIMIT)
    return lh_script_fail(L, "limit", "more than %d events happen at one time", LH_WORLD_SPIN_MAX);
  lua_pushboolean(L, err == LH_OK);
  return 1;
}

static int world_now(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_sim_now(sim_of(lh_core_check_world(L))));
  return 1;
}

// world:random(n) -> 1 to n
static int world_random(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const lua_Integer below = luaL_checkinteger(L, 2);
  luaL_argcheck(L, below >= 1, 2, "1 or more expected");
  lua_pushinteger(L, (lua_Integer)(lh_sim_random(sim_of(self)) % (uint64_t)below) + 1);
  return 1;
}

static int world_hash(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_world_hash(lh_core_check_world(L)->world));
  return 1;
}

// --- faults ---

static uint32_t chance_field(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  const lua_Number value = luaL_optnumber(L, -1, 0);
  lua_pop(L, 1);
  return value <= 0 ? 0 : value >= 1 ? LH_SIM_PER_MILLION : (uint32_t)(value * LH_SIM_PER_MILLION);
}

static lh_ms ms_field(lua_State *L, const char *name, lh_ms otherwise) {
  lua_getfield(L, -1, name);
  const lua_Integer value = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value < 0 ? 0 : value;
}

static struct lh_sim_path read_path(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_settop(L, arg);
  struct lh_sim_path path = {.delay_min = ms_field(L, "delay_min", 1),
                             .delay_max = ms_field(L, "delay_max", 3),
                             .loss = chance_field(L, "loss"),
                             .duplicate = chance_field(L, "duplicate"),
                             .reorder = chance_field(L, "reorder"),
                             .corrupt = chance_field(L, "corrupt")};
  if (path.delay_max < path.delay_min) path.delay_max = path.delay_min;
  return path;
}

// world:network{ delay_min, delay_max, loss, duplicate, reorder, corrupt }: of all pairs;
// probabilities from 0 to 1
static int world_network(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const struct lh_sim_path path = read_path(L, 2);
  lh_sim_set_network(sim_of(self), &path);
  return 0;
}

// world:path(from, to, { ... }): one direction of one pair
static int world_path(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const struct lh_sim_path path = read_path(L, 4);
  lh_sim_set_path(sim_of(self), address(L, self, 2), address(L, self, 3), &path);
  return 0;
}

// world:cut(from, to, on): one direction
static int world_cut(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lh_sim_cut(sim_of(self), address(L, self, 2), address(L, self, 3), lua_toboolean(L, 4));
  return 0;
}

static int world_stall(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lh_sim_stall(sim_of(self), address(L, self, 2), (lh_ms)luaL_checkinteger(L, 3));
  return 0;
}

// world:strike(node, step, times, ms): it is killed (0 ms), or stands still, the how manieth time
// that it comes to this step. Answers false in a build without steps.
static int world_strike(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lua_pushboolean(L, lh_world_strike(self->world, lh_core_check_node(L, self, 2),
                                     luaL_checkstring(L, 3), (unsigned)luaL_checkinteger(L, 4),
                                     (lh_ms)luaL_checkinteger(L, 5)));
  return 1;
}

// world:struck(node) -> whether it came to the step
static int world_struck(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lua_pushboolean(L, lh_world_is_struck(self->world, lh_core_check_node(L, self, 2)));
  return 1;
}

// world:disk(node, "good" | "full" | "unsynced" | "tearing")
static int world_disk(lua_State *L) {
  static const char *const words[] = {"good", "full", "unsynced", "tearing", NULL};
  const struct lh_core_world *self = lh_core_check_world(L);
  const int disk = luaL_checkoption(L, 3, NULL, words);
  lh_sim_set_disk(sim_of(self), address(L, self, 2), (enum lh_sim_disk)disk);
  return 0;
}

// world:clock(node, faster, ahead): its clock by so much per million, its wall clock by so many ms
static int world_clock(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const char *at = address(L, self, 2);
  lh_sim_set_clock(sim_of(self), at, (int32_t)luaL_checkinteger(L, 3));
  lh_sim_set_wall(sim_of(self), at, (lh_ms)luaL_checkinteger(L, 4));
  return 0;
}

// world:reading(node, bytes_per_ms): how fast it reads each stream; 0: as they come
static int world_reading(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lh_sim_set_reading(sim_of(self), address(L, self, 2), (uint32_t)luaL_checkinteger(L, 3));
  return 0;
}

// world:slow(node, ms): its main program takes so long for each question
static int world_slow(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  lh_world_slow(self->world, lh_core_check_node(L, self, 2), (lh_ms)luaL_checkinteger(L, 3));
  return 0;
}

// world:corrupted() -> how many packets had a bit flipped so far
static int world_corrupted(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_sim_corrupted(sim_of(lh_core_check_world(L))));
  return 1;
}

// --- programs ---

// world:command(node, module, ...): require(module)(...) as an actor of the node
static int world_command(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const size_t node = lh_core_check_node(L, self, 2);
  size_t len = 0;
  const char *module = luaL_checklstring(L, 3, &len);
  const int count = lua_gettop(L) - 3;
  struct lh_error error;
  struct lh_buf *args = lh_core_buffer(L);
  for (int i = 0; i < count; i++) {
    if (lh_value_encode(L, 4 + i, args, LH_MESSAGE_MAX, NULL, &error) != LH_OK)
      return lh_script_fail_with(L, &error);
  }
  lh_world_command(self->world, node, lh_bytes(module, len), lh_bytes_of(args), (uint32_t)count);
  lua_pushboolean(L, 1);
  return 1;
}

// world:take() -> token, node, ok, value of the next answer; nothing when there is none
static int world_take(lua_State *L) {
  struct lh_core_world *self = lh_core_check_world(L);
  struct lh_list *at = lh_list_pop(&self->answers);
  if (at == NULL) return 0;
  struct lh_core_answer *answer = LH_ENTRY(at, struct lh_core_answer, link);
  struct lh_node *node = lh_world_node(self->world, answer->node);
  self->answer_count--;
  lua_pushinteger(L, (lua_Integer)answer->token);
  lua_pushinteger(L, (lua_Integer)answer->node + 1);
  lua_pushboolean(L, answer->ok);
  struct lh_buf *value = lh_core_buffer(L);
  *value = answer->value;
  lh_free(answer);
  if (lh_value_decode(L, lh_bytes_of(value), 1, node != NULL ? lh_node_runs(node) : NULL) != 1)
    lua_pushnil(L);
  lua_remove(L, -2);
  return 4;
}

// world:told() -> list of what programs told by seam.tell since the last call, in order
static int world_told(lua_State *L) {
  struct lh_core_world *self = lh_core_check_world(L);
  struct lh_buf *all = lh_core_buffer(L);
  lh_write_array(all, self->told_count);
  lh_buf_append(all, self->told.data, self->told.len);
  lh_buf_clear(&self->told);
  self->told_count = 0;
  if (lh_value_decode(L, lh_bytes_of(all), 1, NULL) != 1)
    return lh_script_fail(L, "limit", "too much was told at a time");
  return 1;
}

static const luaL_Reg methods[] = {
    {"add", world_add},
    {"clock", world_clock},
    {"clone", world_clone},
    {"close", world_close},
    {"command", world_command},
    {"corrupted", world_corrupted},
    {"crash", world_crash},
    {"cut", world_cut},
    {"disk", world_disk},
    {"finish", world_finish},
    {"hash", world_hash},
    {"move", world_move},
    {"network", world_network},
    {"now", world_now},
    {"path", world_path},
    {"random", world_random},
    {"reading", world_reading},
    {"run", world_run},
    {"slow", world_slow},
    {"stall", world_stall},
    {"start", world_start},
    {"state", world_state},
    {"stranger", world_stranger},
    {"strike", world_strike},
    {"struck", world_struck},
    {"take", world_take},
    {"told", world_told},
    {"wipe", world_wipe},
    {NULL, NULL},
};

// world(seed, path, cpath, watched, imitates) -> world. While it is there nothing is logged: a
// history has lines of its own.
static int world(lua_State *L) {
  const uint64_t seed = (uint64_t)luaL_checkinteger(L, 1);
  struct lh_core_world *self = lua_newuserdatauv(L, sizeof *self, 0);
  memset(self, 0, sizeof *self);
  lh_list_init(&self->answers);
  luaL_setmetatable(L, WORLD);
  const struct lh_world_config config = {.seed = seed,
                                         .path = luaL_optstring(L, 2, NULL),
                                         .cpath = luaL_optstring(L, 3, NULL),
                                         .watched = lua_toboolean(L, 4),
                                         .imitates = lua_toboolean(L, 5),
                                         .open_core = lh_core_open,
                                         .heap_opened = lh_core_simulate,
                                         .self = self};
  lh_core_enter();
  self->seed = seed;
  self->log_level = (int)lh_log_level();
  lh_log_set_level(LH_LOG_NONE);
  self->world = lh_world_new(&config);
  return 1;
}

void lh_core_open_world(lua_State *L) {
  if (luaL_newmetatable(L, WORLD)) {
    luaL_newlib(L, methods);
    luaL_setfuncs(L, lh_core_world_looks, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, world_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, world_close);
    lua_setfield(L, -2, "__close");
  }
  lua_pop(L, 1);
  lua_pushcfunction(L, world);
  lua_setfield(L, -2, "world");
}
