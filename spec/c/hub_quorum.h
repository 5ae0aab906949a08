// hub_quorum.h - quorum strategies in the simulation behind spec/c/hub.c, which alone includes it.
#ifndef LH_SPEC_HUB_QUORUM_H
#define LH_SPEC_HUB_QUORUM_H

// set_quorum(kind, size, of): of the hubs that are opened from now on
static int sim_set_quorum(lua_State *L) {
  static const char *const kinds[] = {"none", "static", NULL};
  struct sim *sim = check(L);
  sim->quorum = (struct lh_quorum){
      .kind = (enum lh_quorum_kind)luaL_checkoption(L, 2, "none", kinds),
      .size = (uint32_t)luaL_optinteger(L, 3, 0),
      .of = (uint32_t)luaL_optinteger(L, 4, 0),
  };
  return 0;
}

// state(node) -> "partitioned", "locked", "free"
static int sim_state(lua_State *L) {
  struct sim *sim = check(L);
  const struct lh_hub_state state = lh_hubs_state(check_node(L, sim, 2)->hubs, lh_bytes_str("h"));
  lua_pushstring(L, state.partitioned ? "partitioned" : state.locked ? "locked" : "free");
  return 1;
}

#endif
