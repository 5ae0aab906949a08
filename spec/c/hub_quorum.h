// hub_quorum.h - quorum strategies in the simulation behind spec/c/hub.c, which alone includes it:
// hubs that are opened with one, nodes that start anew with what they kept. And what strategies and
// hooks say.
#ifndef LH_SPEC_HUB_QUORUM_H
#define LH_SPEC_HUB_QUORUM_H

// set_quorum(kind, size, of, percent, threshold): of the hubs that are opened from now on
static int sim_set_quorum(lua_State *L) {
  static const char *const kinds[] = {"none", "static", "majority", "dynamic", NULL};
  struct sim *sim = check(L);
  sim->quorum = (struct lh_quorum){
      .kind = (enum lh_quorum_kind)luaL_checkoption(L, 2, "none", kinds),
      .size = (uint32_t)luaL_optinteger(L, 3, 0),
      .of = (uint32_t)luaL_optinteger(L, 4, 0),
      .percent = (uint32_t)luaL_optinteger(L, 5, 0),
      .threshold = luaL_optinteger(L, 6, 0),
  };
  return 0;
}

static void open_hub(lua_State *L, struct node *node) {
  const struct sim *sim = node->sim;
  struct lh_error error;
  struct lh_hub_config config = {.id = lh_bytes_str("h")};
  set_distribution(sim, &config);
  config.migration = sim->hot          ? LH_MIGRATION_HOT
                     : sim->autonomous ? LH_MIGRATION_AUTONOMOUS
                                       : LH_MIGRATION_COLD;
  config.handover = sim->hot;
  config.quorum = sim->quorum;
  config.consent = sim->consent;
  config.budget = sim->budget;
  config.kept = lh_bytes_of(&node->disk);
  if (lh_hubs_open(node->hubs, sim->now, &config, &error) != LH_OK) luaL_error(L, "%s", error.text);
}

static void begin_run(struct node *node) {
  struct sim *sim = node->sim;
  node->up = true;
  node->run.epoch++;
  node->self = lh_runs_index(sim->runs, &node->run);
  lh_runs_set_name(sim->runs, node->self, node->name);
  node->registry = lh_registry_new(sim->runs, node->self, sim->key, &registry_ops, node);
  node->hubs = lh_hubs_new(sim->runs, node->self, node->name, node->registry, &hub_ops, node);
}

static void never(struct sim *sim, struct event *event) { (void)sim, (void)event; }

// restart(node): one that is down begins another run, with what it kept and nothing else
static int sim_restart(lua_State *L) {
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  luaL_argcheck(L, !node->up, 2, "it is up");
  for (size_t i = 0; i < sim->events.count; i++) {
    struct event *event = LH_ENTRY(sim->events.items[i], struct event, due);
    if (event->to == node) event->fn = never;
  }
  for (size_t i = 0; i < sim->count; i++) {
    struct node *other = &sim->nodes[i];
    if (other != node) link_down(node, other);
    pair_of(node, other)->knows = pair_of(node, other)->fenced = 0;
  }
  lh_hubs_free(node->hubs);
  lh_registry_free(node->registry);
  node->hubs = NULL;
  node->left = node->stalled = false;
  node->lease = 0;
  begin_run(node);
  open_hub(L, node);
  meet_all(node, 300);
  return 0;
}

static int sim_keep_fails(lua_State *L) {  // keep_fails(node, whether): its disk takes nothing
  check_node(L, check(L), 2)->disk_full = lua_toboolean(L, 3);
  return 0;
}

// set_on_conflict(how): what the hook of every node says from now on
static int sim_set_on_conflict(lua_State *L) {
  static const char *const names[] = {"none", "first", "second", "sum", "any", NULL};
  check(L)->on_conflict = (enum on_conflict)luaL_checkoption(L, 2, "none", names);
  return 0;
}

static int sim_set_policy(lua_State *L) {
  check(L)->policy = check_policy(L, 2);
  return 0;
}

// state(node) -> "partitioned", "locked", "free"
static int sim_state(lua_State *L) {
  struct sim *sim = check(L);
  const struct lh_hub_state state = lh_hubs_state(check_node(L, sim, 2)->hubs, lh_bytes_str("h"));
  lua_pushstring(L, state.partitioned ? "partitioned" : state.locked ? "locked" : "free");
  return 1;
}

// forget(node, name), reset(node) -> caller
static int sim_forget(lua_State *L) {
  struct sim *sim = check(L);
  lua_pushinteger(L, (lua_Integer)++sim->next_caller);
  lh_hubs_forget(check_node(L, sim, 2)->hubs, sim->now, sim->next_caller, lh_bytes_str("h"),
                 lh_bytes_str(luaL_checkstring(L, 3)));
  return 1;
}

static int sim_reset(lua_State *L) {
  struct sim *sim = check(L);
  lua_pushinteger(L, (lua_Integer)++sim->next_caller);
  lh_hubs_reset_quorum(check_node(L, sim, 2)->hubs, sim->now, sim->next_caller, lh_bytes_str("h"));
  return 1;
}

// members(node) -> the names of the agreed member set as the node has it, sorted; and how many of
// them are a quorum
static int sim_members(lua_State *L) {
  struct sim *sim = check(L);
  struct lh_buf out = LH_BUF_EMPTY;
  struct lh_reader in;
  const size_t needed = lh_hubs_agreed(check_node(L, sim, 2)->hubs, lh_bytes_str("h"), &out);
  lh_reader_init_user(&in, lh_bytes_of(&out));
  push_value(L, &in, sim->runs);
  lua_pushinteger(L, (lua_Integer)needed);
  lh_buf_free(&out);
  return 2;
}

#endif
