// internal.h - what the files of this room share: `luahub.core`, what Lua sees of the C core.
//
// core.c (the module, the node of this process) · within.c (calls with an end) · query.c (reads of
// the registry) · control.c (the client of a control socket) · world.c (the simulator) ·
// simulated.c (what the libraries mean in it). The functions of actors come from csrc/actor. Users
// require "luahub", never this.
#ifndef LH_LUA_INTERNAL_H
#define LH_LUA_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>

#include "base/buf.h"
#include "node/node.h"

// The node in whose heap (or main program) L runs, or NULL.
struct lh_node *lh_core_node(lua_State *L);
// Makes this thread a reader of the registry, until it ends.
void lh_core_enter(void);
// Pushes a userdata that frees the buffer in it when it is collected, so that an error in between
// leaks nothing.
struct lh_buf *lh_core_buffer(lua_State *L);

// The clock of the node in whose heap L runs, which the simulator moves; outside of any node the
// machine's.
uint64_t lh_core_now_ns(lua_State *L);

void lh_core_open_query(lua_State *L);  // adds to the table on the stack top
void lh_core_open_place(lua_State *L);
void lh_core_open_within(lua_State *L);
void lh_core_open_control(lua_State *L);
void lh_core_open_world(lua_State *L);
int lh_core_open(void *lua_state);  // luaopen_luahub_core

#endif
