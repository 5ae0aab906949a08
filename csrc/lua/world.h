// world.h - what the files of the simulator's binding share: the world of a Lua state, and the
// answers that programs on its nodes gave.
#ifndef LH_LUA_WORLD_H
#define LH_LUA_WORLD_H

#include "base/list.h"
#include "lua/internal.h"
#include "sim/world.h"

#include <lauxlib.h>

enum { LH_CORE_ANSWERS_MAX = 100000, LH_CORE_TOLD_MAX = 64 * 1024 * 1024 };

struct lh_core_answer {
  struct lh_list link;
  size_t node;
  uint64_t token;
  bool ok;
  struct lh_buf value;  // one encoded value
};

struct lh_core_world {
  struct lh_world *world;  // NULL: closed
  uint64_t seed;
  struct lh_list answers;  // struct lh_core_answer, oldest first
  size_t answer_count;
  struct lh_buf told;  // values of seam.tell, one after another
  uint32_t told_count;
  int log_level;  // before; a simulation logs nothing unless it is told to
};

// The world at 1, which is not closed; the node whose number is an argument. Both raise.
struct lh_core_world *lh_core_check_world(lua_State *L);
size_t lh_core_check_node(lua_State *L, const struct lh_core_world *self, int arg);
extern const luaL_Reg lh_core_world_looks[];

// Gives a state of a simulated node the libraries of the simulation. In protected mode.
void lh_core_simulate(void *world, size_t node, lua_State *L);

#endif
