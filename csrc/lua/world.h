// world.h - what the two files of the simulator's binding share: the world of a Lua state, and the
// answers that programs on its nodes gave.
#ifndef LH_LUA_WORLD_H
#define LH_LUA_WORLD_H

#include "base/list.h"
#include "lua/internal.h"
#include "sim/world.h"

enum { LH_CORE_ANSWERS_MAX = 100000 };

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
  int log_level;  // before; a simulation logs nothing unless it is told to
};

// Gives a state of a simulated node the libraries of the simulation. In protected mode.
void lh_core_simulate(void *world, size_t node, lua_State *L);

#endif
