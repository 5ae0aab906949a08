// simulated.c - what Lua's libraries mean on a simulated node.
//
// User Lua is part of a history that a seed replays: the clock is the virtual one, random numbers
// come from the seed, pairs and next have an order that the seed decides, the same on all nodes,
// printed addresses are numbers in the order of asking, and what reaches the machine (files,
// processes) is refused with a clear error. Runs on the thread of the simulation; `luahub.sim.seam`
// is how the node's programs answer the scenario.
#include "lua/world.h"

#include "actor/actor.h"
#include "base/hash.h"
#include "base/mem.h"
#include "env/env.h"
#include "script/script.h"

#include <lualib.h>

enum { MS_PER_S = 1000, EPOCH_S = 1767225600 };  // the virtual clock starts on 2026-01-01, UTC

#define SEAM "luahub.sim.seam"

// --- the clock ---

static lh_ms now_of(lua_State *L) {
  struct lh_env *env = lh_actor_env(L);
  return env != NULL ? lh_env_now(env) : 0;
}

static int os_clock(lua_State *L) {
  lua_pushnumber(L, (lua_Number)now_of(L) / MS_PER_S);
  return 1;
}

// What the wall clock of this node shows, which a scenario can set. Upvalues: Lua's own function,
// the world, the node.
static void push_wall(lua_State *L) {
  const struct lh_core_world *world = lua_touserdata(L, lua_upvalueindex(2));
  const size_t node = (size_t)lua_tointeger(L, lua_upvalueindex(3));
  const lh_ms ahead = lh_sim_wall(lh_world_sim(world->world), lh_world_address(world->world, node));
  lua_pushinteger(L, EPOCH_S + (lua_Integer)((now_of(L) + ahead) / MS_PER_S));
}

// os.time() is the virtual time; with a table it only converts.
static int os_time(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    push_wall(L);
    return 1;
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

static int os_date(lua_State *L) {
  lua_settop(L, 2);
  if (lua_isnil(L, 1)) {
    lua_pushliteral(L, "!%c");
    lua_replace(L, 1);
  }
  if (lua_isnil(L, 2)) {
    push_wall(L);
    lua_replace(L, 2);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

// --- randomness ---

static void push_seed(lua_State *L) {
  lua_Integer words[2] = {0};
  struct lh_env *env = lh_actor_env(L);
  if (env != NULL) lh_env_random(env, words, sizeof words);
  lua_pushinteger(L, words[0]);
  lua_pushinteger(L, words[1]);
}

// math.randomseed() without arguments takes its seed from the simulation. Upvalue: Lua's own.
static int randomseed(lua_State *L) {
  if (lua_isnone(L, 1)) push_seed(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

// --- addresses --- upvalue: a table with weak keys, object -> its number

static int tostring_of(lua_State *L) {
  luaL_checkany(L, 1);
  const int type = lua_type(L, 1);
  const bool shows =
      type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TTHREAD || type == LUA_TUSERDATA;
  if (!shows || luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
    luaL_tolstring(L, 1, NULL);
    return 1;
  }
  lua_pushvalue(L, 1);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) {
    lua_rawgeti(L, lua_upvalueindex(1), 0);
    const lua_Integer number = lua_tointeger(L, -1) + 1;
    lua_pushinteger(L, number);
    lua_rawseti(L, lua_upvalueindex(1), 0);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, number);
    lua_rawset(L, lua_upvalueindex(1));
    lua_pushinteger(L, number);
  }
  const lua_Integer number = lua_tointeger(L, -1);
  const char *name =
      luaL_getmetafield(L, 1, "__name") == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, 1);
  lua_pushfstring(L, "%s: #%I", name, (LUAI_UACINT)number);
  return 1;
}

// --- what is refused --- upvalue: its name

static int refused(lua_State *L) {
  return luaL_error(L,
                    "%s is not there in a simulation: it would not replay. Let the scenario "
                    "provide what the child needs, as another child or in its arguments",
                    lua_tostring(L, lua_upvalueindex(1)));
}

static void refuse(lua_State *L, const char *library, const char *const *names) {
  if (lua_getglobal(L, library) == LUA_TTABLE) {
    for (; *names != NULL; names++) {
      lua_pushfstring(L, "%s.%s", library, *names);
      lua_pushcclosure(L, refused, 1);
      lua_setfield(L, -2, *names);
    }
  }
  lua_pop(L, 1);
}

static void refuse_machine(lua_State *L) {
  static const char *const io_names[] = {"open",   "popen", "lines",   "input",
                                         "output", "read",  "tmpfile", NULL};
  static const char *const os_names[] = {"execute", "remove",    "rename",
                                         "tmpname", "setlocale", NULL};
  static const char *const package_names[] = {"loadlib", NULL};
  refuse(L, LUA_IOLIBNAME, io_names);
  refuse(L, LUA_OSLIBNAME, os_names);
  refuse(L, LUA_LOADLIBNAME, package_names);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushliteral(L, "luv");
  lua_pushcclosure(L, refused, 1);
  lua_setfield(L, -2, "luv");
  lua_pop(L, 1);
}

// --- the seam ---

// answer(token, ok, value): what a command on this node came to. Upvalues: the world, the node.
static int seam_answer(lua_State *L) {
  struct lh_core_world *world = lua_touserdata(L, lua_upvalueindex(1));
  const size_t node = (size_t)lua_tointeger(L, lua_upvalueindex(2));
  const uint64_t token = (uint64_t)luaL_checkinteger(L, 1);
  struct lh_node *up = lh_world_node(world->world, node);
  struct lh_error error;
  lua_settop(L, 3);
  if (up == NULL) return 0;
  struct lh_buf *value = lh_core_buffer(L);
  if (lh_value_encode(L, 3, value, LH_MESSAGE_MAX, lh_node_runs(up), &error) != LH_OK)
    return lh_script_fail_with(L, &error);
  if (world->answer_count >= LH_CORE_ANSWERS_MAX)
    return lh_script_fail(L, "limit", "too many answers wait to be taken");
  struct lh_core_answer *answer = LH_NEW(struct lh_core_answer);
  *answer = (struct lh_core_answer){
      .node = node, .token = token, .ok = lua_toboolean(L, 2), .value = *value};
  *value = LH_BUF_EMPTY;
  lh_list_push(&world->answers, &answer->link);
  world->answer_count++;
  lh_world_pause(world->world);
  lua_pushboolean(L, 1);
  return 1;
}

// tell(value): the scenario gets it at its next tick; nothing waits for that. Upvalues as above.
static int seam_tell(lua_State *L) {
  struct lh_core_world *world = lua_touserdata(L, lua_upvalueindex(1));
  struct lh_error error;
  lua_settop(L, 1);
  if (lh_value_encode(L, 1, &world->told, LH_CORE_TOLD_MAX, NULL, &error) != LH_OK)
    return lh_script_fail_with(L, &error);
  world->told_count++;
  lua_pushboolean(L, 1);
  return 1;
}

static void open_seam(lua_State *L, struct lh_core_world *world, size_t node) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_createtable(L, 0, 3);
  lua_pushlightuserdata(L, world);
  lua_pushinteger(L, (lua_Integer)node);
  lua_pushcclosure(L, seam_answer, 2);
  lua_setfield(L, -2, "answer");
  lua_pushlightuserdata(L, world);
  lua_pushcclosure(L, seam_tell, 1);
  lua_setfield(L, -2, "tell");
  lua_pushstring(L, lh_world_name(world->world, node));
  lua_setfield(L, -2, "node");
  lua_pushinteger(L, (lua_Integer)world->seed);
  lua_setfield(L, -2, "seed");
  lua_setfield(L, -2, SEAM);
  lua_pop(L, 1);
}

// --- putting it in ---

struct home {  // whose state it is
  struct lh_core_world *world;
  size_t node;
};

// Replaces library[name] by a closure over what stood there, the world and the node.
static void wrap(lua_State *L, const struct home *home, const char *library, const char *name,
                 lua_CFunction fn) {
  lua_getglobal(L, library);
  lua_getfield(L, -1, name);
  lua_pushlightuserdata(L, home->world);
  lua_pushinteger(L, (lua_Integer)home->node);
  lua_pushcclosure(L, fn, 3);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static void seed_random(lua_State *L) {
  lua_getglobal(L, LUA_MATHLIBNAME);
  lua_getfield(L, -1, "randomseed");
  push_seed(L);
  lua_call(L, 2, 0);
  lua_pop(L, 1);
}

static void open_tostring(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushcclosure(L, tostring_of, 1);
  lua_setglobal(L, "tostring");
}

void lh_core_simulate(void *self, size_t node, lua_State *L) {
  const struct home home = {self, node};
  lh_script_push_ordered(L);
  lua_setglobal(L, "next");
  lua_setglobal(L, "pairs");
  lh_script_shuffle_order(L, lh_hash_mix(home.world->seed, 1));
  wrap(L, &home, LUA_OSLIBNAME, "clock", os_clock);
  wrap(L, &home, LUA_OSLIBNAME, "time", os_time);
  wrap(L, &home, LUA_OSLIBNAME, "date", os_date);
  seed_random(L);
  wrap(L, &home, LUA_MATHLIBNAME, "randomseed", randomseed);
  open_tostring(L);
  refuse_machine(L);
  open_seam(L, self, node);
}
