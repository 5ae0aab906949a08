// hub_moves.h - where children belong and how they move, in the simulation behind spec/c/hub.c,
// which alone includes it.
#ifndef LH_SPEC_HUB_MOVES_H
#define LH_SPEC_HUB_MOVES_H

static int sim_home(lua_State *L) {  // home(id): the node that the built-in placement gives it to
  struct sim *sim = check(L);
  struct lh_hub_node nodes[NODES_MAX];
  const struct lh_hub_config config = {.distribution = LH_DISTRIBUTION_RENDEZVOUS};
  size_t count = 0;
  for (size_t i = 0; i < sim->count; i++) {
    const struct node *node = &sim->nodes[i];
    if (!node->up || lh_hubs_count(node->hubs) == 0) continue;
    nodes[count++] = (struct lh_hub_node){.name = node->name};
  }
  const struct lh_bytes id = lh_bytes_str(luaL_checkstring(L, 2));
  uint32_t place = 0;
  if (count == 0) return 0;
  lh_hubs_place(&config, nodes, count, &id, 1, &place);
  lua_pushstring(L, nodes[place].name);
  return 1;
}

// set_consent(timeout, retry, limit): of the hubs that are opened from now on
static int sim_set_consent(lua_State *L) {
  check(L)->consent = (struct lh_consent){.timeout_ms = luaL_checkinteger(L, 2),
                                          .retry_ms = luaL_checkinteger(L, 3),
                                          .limit_ms = luaL_checkinteger(L, 4)};
  return 0;
}

// answer(id, "ready" | "defer" | "silent" | "no part"): what its instances say from now on
static int sim_answer(lua_State *L) {
  static const char *const words[] = {"ready", "defer", "silent", "no part", NULL};
  static const int codes[] = {LH_OK, LH_EAGAIN, NEVER_ANSWERS, LH_EINVAL};
  struct sim *sim = check(L);
  const char *id = luaL_checkstring(L, 2);
  const int code = codes[luaL_checkoption(L, 3, NULL, words)];
  for (size_t i = 0; i < sim->actor_count; i++)
    if (strcmp(sim->actors[i].id, id) == 0) sim->actors[i].consent = code;
  return 0;
}

static struct lh_hubs *hubs_at(lua_State *L) { return check_node(L, check(L), 2)->hubs; }

static int sim_ready(lua_State *L) {  // ready(node, id) -> the code
  lua_pushinteger(L, lh_hubs_ready(hubs_at(L), check(L)->now, lh_bytes_str("h"),
                                   lh_bytes_str(luaL_checkstring(L, 3))));
  return 1;
}

static int sim_move(lua_State *L) {  // move(node, id, to) -> the code
  lua_pushinteger(L,
                  lh_hubs_move(hubs_at(L), check(L)->now, lh_bytes_str("h"),
                               lh_bytes_str(luaL_checkstring(L, 3)), luaL_checkstring(L, 4), true));
  return 1;
}

static int sim_drain(lua_State *L) {  // drain(node, deadline) -> caller
  struct sim *sim = check(L);
  lh_hubs_drain(hubs_at(L), sim->now, ++sim->next_caller, lh_bytes_str("h"),
                luaL_checkinteger(L, 3));
  lua_pushinteger(L, (lua_Integer)sim->next_caller);
  return 1;
}

// set_budget(children, bytes): each second, of the hubs that are opened from now on
static int sim_set_budget(lua_State *L) {
  check(L)->budget = (struct lh_budget){.children = (uint32_t)luaL_checkinteger(L, 2),
                                        .bytes = (uint32_t)luaL_checkinteger(L, 3)};
  return 0;
}

static int sim_pause(lua_State *L) {  // pause(node, on)
  if (lua_toboolean(L, 3))
    (void)lh_hubs_pause(hubs_at(L), lh_bytes_str("h"));
  else
    (void)lh_hubs_resume(hubs_at(L), check(L)->now, lh_bytes_str("h"));
  return 0;
}

static int sim_moves(lua_State *L) {  // moves(node) -> paused, moving, waiting, put off
  struct lh_hub_moves moves;
  (void)lh_hubs_moves(hubs_at(L), check(L)->now, lh_bytes_str("h"), &moves);
  lua_pushboolean(L, moves.paused);
  lua_pushinteger(L, (lua_Integer)moves.moving);
  lua_pushinteger(L, (lua_Integer)moves.waiting);
  lua_pushinteger(L, (lua_Integer)moves.put_off);
  return 4;
}

static const luaL_Reg moves_methods[] = {{"answer", sim_answer},
                                         {"drain", sim_drain},
                                         {"home", sim_home},
                                         {"move", sim_move},
                                         {"moves", sim_moves},
                                         {"pause", sim_pause},
                                         {"set_budget", sim_set_budget},
                                         {"ready", sim_ready},
                                         {"set_consent", sim_set_consent},
                                         {NULL, NULL}};

#endif
