// env_sim.h - the part of env.c that is about simulated worlds: what a spec may do to one.

static int sim_host(lua_State *L) {
  struct lh_env *env = lh_sim_host(check_sim(L), luaL_checkstring(L, 2));
  return env != NULL ? new_env(L, env) : 0;
}
static int sim_name(lua_State *L) {
  lh_sim_name(check_sim(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
  return 0;
}
static int sim_now(lua_State *L) {
  lua_pushinteger(L, lh_sim_now(check_sim(L)));
  return 1;
}
static int sim_run_for(lua_State *L) {
  struct lh_sim *sim = check_sim(L);
  lh_sim_run_until(sim, lh_sim_now(sim) + luaL_checkinteger(L, 2));
  return raise_failure(L);
}
static int sim_trace(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_sim_trace(check_sim(L)));
  return 1;
}
static int sim_cut(lua_State *L) {
  lh_sim_cut(check_sim(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3), lua_toboolean(L, 4));
  return 0;
}
static int sim_stall(lua_State *L) {
  lh_sim_stall(check_sim(L), luaL_checkstring(L, 2), luaL_checkinteger(L, 3));
  return 0;
}
static int sim_crash(lua_State *L) {
  const bool vanish = strcmp(luaL_checkstring(L, 3), "vanished") == 0;
  lh_sim_crash(check_sim(L), luaL_checkstring(L, 2), vanish ? LH_SIM_VANISHED : LH_SIM_KILLED);
  return 0;
}
static int sim_disk(lua_State *L) {
  static const char *const words[] = {"good", "full", "unsynced", "tearing", NULL};
  const int disk = luaL_checkoption(L, 3, NULL, words);
  lh_sim_set_disk(check_sim(L), luaL_checkstring(L, 2), (enum lh_sim_disk)disk);
  return 0;
}
static int sim_is_up(lua_State *L) {
  lua_pushboolean(L, lh_sim_is_up(check_sim(L), luaL_checkstring(L, 2)));
  return 1;
}
static int sim_wipe(lua_State *L) {
  lh_sim_wipe(check_sim(L), luaL_checkstring(L, 2));
  return 0;
}
static int sim_move(lua_State *L) {
  lh_sim_move(check_sim(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
  return 0;
}
static int sim_clock(lua_State *L) {
  lh_sim_set_clock(check_sim(L), luaL_checkstring(L, 2), (int32_t)luaL_checkinteger(L, 3));
  return 0;
}
static int sim_reading(lua_State *L) {
  lh_sim_set_reading(check_sim(L), luaL_checkstring(L, 2), (uint32_t)luaL_checkinteger(L, 3));
  return 0;
}
static int sim_corrupted(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_sim_corrupted(check_sim(L)));
  return 1;
}

static lua_Integer field(lua_State *L, int table, const char *name, lua_Integer otherwise) {
  lua_getfield(L, table, name);
  const lua_Integer value = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

// network{ delay_min, delay_max, loss, duplicate, reorder, corrupt }, the last four per million.
static int sim_network(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  const struct lh_sim_path path = {.delay_min = field(L, 2, "delay_min", 1),
                                   .delay_max = field(L, 2, "delay_max", 3),
                                   .loss = (uint32_t)field(L, 2, "loss", 0),
                                   .duplicate = (uint32_t)field(L, 2, "duplicate", 0),
                                   .reorder = (uint32_t)field(L, 2, "reorder", 0),
                                   .corrupt = (uint32_t)field(L, 2, "corrupt", 0)};
  lh_sim_set_network(check_sim(L), &path);
  return 0;
}

static const luaL_Reg sim_methods[] = {
    {"free", sim_free},       {"host", sim_host},           {"name", sim_name},
    {"now", sim_now},         {"run", sim_run_for},         {"trace", sim_trace},
    {"cut", sim_cut},         {"stall", sim_stall},         {"crash", sim_crash},
    {"network", sim_network}, {"disk", sim_disk},           {"is_up", sim_is_up},
    {"wipe", sim_wipe},       {"move", sim_move},           {"clock", sim_clock},
    {"reading", sim_reading}, {"corrupted", sim_corrupted}, {NULL, NULL},
};
