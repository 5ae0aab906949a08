// rooms: hub registry member wire base link env
//
// hub.c - luahub_test.hub: the simulation of hub_sim.h as a Lua object.
#include <lauxlib.h>
#include <lua.h>

#include "hub_sim.h"
#include "hub_dump.h"

#define SIM "luahub_test.hub"

static struct sim *check(lua_State *L) { return *(struct sim **)luaL_checkudata(L, 1, SIM); }

static struct node *check_node(lua_State *L, struct sim *sim, int arg) {
  const lua_Integer at = luaL_checkinteger(L, arg);
  luaL_argcheck(L, at >= 1 && (size_t)at <= sim->count, arg, "no such node");
  return &sim->nodes[at - 1];
}

static enum policy check_policy(lua_State *L, int arg) {
  static const char *const names[] = {"first", "spread", "late", "broken", NULL};
  return (enum policy)luaL_checkoption(L, arg, "first", names);
}

// new(seed, hot: false | true | "autonomous", custom: false | "first" | "spread" | "late" |
// "broken", deterministic, load)
static int sim_new(lua_State *L) {
  struct sim **box = lua_newuserdatauv(L, sizeof(struct sim *), 0);
  struct sim *sim = LH_NEW(struct sim);
  *box = sim;
  luaL_setmetatable(L, SIM);
  sim->random.state = (uint64_t)luaL_checkinteger(L, 1);
  sim->autonomous = lua_type(L, 2) == LUA_TSTRING;
  sim->hot = lua_toboolean(L, 2) && !sim->autonomous;
  sim->custom = lua_toboolean(L, 3);
  if (lua_type(L, 3) == LUA_TSTRING) sim->policy = check_policy(L, 3);
  sim->deterministic = lua_toboolean(L, 4);
  sim->load = lua_toboolean(L, 5);
  sim->now = 1000;
  sim->runs = lh_runs_new();
  return 1;
}

// Lists and maps of the results, all keys strings; pids as node names.
static void push_value(lua_State *L, struct lh_reader *in, const struct lh_runs *runs) {
  const struct lh_wire_value value = lh_read_value(in);
  luaL_checkstack(L, 8, "a result");
  if (value.type == LH_WIRE_STR) {
    lua_pushlstring(L, (const char *)value.as.bytes.data, value.as.bytes.len);
  } else if (value.type == LH_WIRE_INT) {
    lua_pushinteger(L, value.as.integer);
  } else if (value.type == LH_WIRE_BOOL) {
    lua_pushboolean(L, value.as.boolean);
  } else if (value.type == LH_WIRE_PID) {
    lua_pushstring(L, lh_runs_name(runs, lh_runs_index((struct lh_runs *)runs, &value.as.pid.run)));
  } else if (value.type == LH_WIRE_ARRAY || value.type == LH_WIRE_MAP) {
    lua_newtable(L);
    for (uint32_t i = 1; i <= value.as.count && in->err == LH_OK; i++) {
      if (value.type == LH_WIRE_MAP)
        push_value(L, in, runs);
      else
        lua_pushinteger(L, i);
      push_value(L, in, runs);
      lua_settable(L, -3);
    }
  } else {
    lua_pushnil(L);
  }
}

#include "hub_quorum.h"

static int sim_join(lua_State *L) {  // join(without_hub) -> index
  struct sim *sim = check(L);
  luaL_argcheck(L, sim->count < NODES_MAX, 1, "too many nodes");
  struct node *node = &sim->nodes[sim->count++];
  node->sim = sim;
  node->across = sim->split && lh_random_below(&sim->random, 2) == 1;
  (void)snprintf(node->name, sizeof node->name, "n%zu", sim->count);
  const uint64_t id = lh_random_next(&sim->random);
  memcpy(node->run.id.bytes, &id, sizeof id);
  begin_run(node);
  if (lua_toboolean(L, 2))
    record_changed(node);
  else
    open_hub(L, node);
  meet_all(node, 300);
  lua_pushinteger(L, (lua_Integer)sim->count);
  return 1;
}

static int sim_open(lua_State *L) {
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  if (node->up) open_hub(L, node);
  return 0;
}

static int sim_close(lua_State *L) {  // close(node) -> the code
  struct sim *sim = check(L);
  const struct node *node = check_node(L, sim, 2);
  lua_pushinteger(L, node->up ? lh_hubs_close(node->hubs, sim->now, lh_bytes_str("h")) : 0);
  return 1;
}

static int sim_runs_hub(lua_State *L) {
  struct sim *sim = check(L);
  const struct node *node = check_node(L, sim, 2);
  lua_pushboolean(L, node->up && lh_hubs_count(node->hubs) > 0);
  return 1;
}

// --- operations ---
static void write_spec(struct lh_buf *out, const char *id, const char *restart, size_t size) {
  char *filler = lh_zalloc(size + 1);
  lh_write_map(out, 3);
  lh_write_cstr(out, "id");
  lh_write_cstr(out, id);
  lh_write_cstr(out, "restart");
  lh_write_cstr(out, restart);
  lh_write_cstr(out, "start");
  lh_write_array(out, 2);
  lh_write_cstr(out, "m");
  lh_write_str(out, filler, size);
  lh_free(filler);
}

static void write_options(lua_State *L, int arg, struct lh_buf *out) {
  static const char *const flags[] = {"check_existing", "detach", "given"};
  static const char *const words[] = {"node", "ack"};
  uint32_t count = 1;
  struct lh_buf list = LH_BUF_EMPTY;
  lua_settop(L, arg);
  if (!lua_istable(L, arg)) {
    lua_newtable(L);
    lua_replace(L, arg);
  }
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    if (lua_getfield(L, arg, flags[i]) != LUA_TNIL) {
      lh_write_cstr(&list, flags[i]);
      lh_write_bool(&list, lua_toboolean(L, -1));
      count++;
    }
  }
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (lua_getfield(L, arg, words[i]) != LUA_TSTRING) continue;
    lh_write_cstr(&list, words[i]);
    lh_write_cstr(&list, lua_tostring(L, -1));
    count++;
  }
  if (lua_getfield(L, arg, "rollback"), lua_toboolean(L, -1)) {
    lh_write_cstr(&list, "on_failure");
    lh_write_cstr(&list, "rollback");
    count++;
  }
  if (lua_getfield(L, arg, "metadata") == LUA_TSTRING) {
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    lh_write_cstr(&list, "metadata");
    lh_write_map(&list, 1);
    lh_write_cstr(&list, "text");
    lh_write_str(&list, text, len);
    count++;
  }
  lua_getfield(L, arg, "timeout");
  lh_write_cstr(&list, "timeout");
  lh_write_uint(&list, (uint64_t)luaL_optinteger(L, -1, LH_OP_MS));
  lh_write_cstr(out, "options");
  lh_write_map(out, count);
  lh_buf_append(out, list.data, list.len);
  lh_buf_free(&list);
}

static int ask(lua_State *L, bool start) {  // (node, first, last, [restart,] options) -> caller
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  const lua_Integer first = luaL_checkinteger(L, 3);
  const lua_Integer last = luaL_checkinteger(L, 4);
  const char *restart = start ? luaL_optstring(L, 5, "permanent") : NULL;
  size_t size = 0;
  if (start && lua_istable(L, 6)) {
    lua_getfield(L, 6, "size");  // of each spec
    size = (size_t)luaL_optinteger(L, -1, 0);
  }
  struct lh_buf value = LH_BUF_EMPTY;
  lh_write_map(&value, 3);
  lh_write_cstr(&value, start ? "children" : "ids");
  lh_write_array(&value, (uint32_t)(last - first + 1));
  for (lua_Integer i = first; i <= last; i++) {
    char id[32];
    (void)snprintf(id, sizeof id, "c%lld", (long long)i);
    if (start)
      write_spec(&value, id, restart, size);
    else
      lh_write_cstr(&value, id);
  }
  lh_write_cstr(&value, "hub");
  lh_write_cstr(&value, "h");
  write_options(L, start ? 6 : 5, &value);
  const uint64_t caller = ++sim->next_caller;
  (start ? lh_hubs_start : lh_hubs_stop)(node->hubs, sim->now, caller, lh_bytes_of(&value));
  lh_buf_free(&value);
  lua_pushinteger(L, (lua_Integer)caller);
  return 1;
}

static int sim_start(lua_State *L) { return ask(L, true); }
static int sim_stop(lua_State *L) { return ask(L, false); }

static int sim_terminate(lua_State *L) {  // terminate(node, id) -> code, caller
  struct sim *sim = check(L);
  const struct node *node = check_node(L, sim, 2);
  const uint64_t caller = ++sim->next_caller;
  lua_pushinteger(L, lh_hubs_terminate(node->hubs, sim->now, caller, lh_bytes_str("h"),
                                       lh_bytes_str(luaL_checkstring(L, 3))));
  lua_pushinteger(L, (lua_Integer)caller);
  return 2;
}

static int sim_replies(lua_State *L) {  // what came since the last look
  struct sim *sim = check(L);
  lua_newtable(L);
  for (size_t i = 0; i < sim->reply_count; i++) {
    struct reply *reply = &sim->replies[i];
    struct lh_reader in;
    lh_reader_init_user(&in, lh_bytes_of(&reply->result));
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, (lua_Integer)reply->caller);
    lua_setfield(L, -2, "caller");
    lua_pushinteger(L, reply->at);
    lua_setfield(L, -2, "at");
    lua_pushstring(L, reply->code);
    lua_setfield(L, -2, "code");
    if (reply->status == LH_OK) {
      push_value(L, &in, sim->runs);
      lua_setfield(L, -2, "result");
    }
    lua_rawseti(L, -2, (lua_Integer)i + 1);
    lh_buf_free(&reply->result);
  }
  sim->reply_count = 0;
  return 1;
}

// --- what happens to nodes ---
static int sim_crash(lua_State *L) {  // crash(node, heard_within)
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  if (!node->up) return 0;
  node->up = false;
  kill_actors(sim, node);
  spread_end(node, luaL_optinteger(L, 3, 500));
  return 0;
}

static int sim_leave(lua_State *L) {
  struct sim *sim = check(L);
  const struct node *node = check_node(L, sim, 2);
  if (node->up) lh_hubs_leave(node->hubs, sim->now);
  return 0;
}

static int sim_stall(lua_State *L) {  // stall(node, ms, heard_within)
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  if (!node->up || node->stalled) return 0;
  node->stalled = true;
  node->wakes_at = sim->now + luaL_checkinteger(L, 3);
  spread_end(node, luaL_optinteger(L, 4, 500));
  return 0;
}

static void again(struct sim *sim, struct event *event) {
  (void)sim;
  if (!event->to->up || !event->from->up || are_cut(event->from, event->to)) return;
  if (event->from->stalled)
    later(event->to, event->from->wakes_at + 1, again)->from = event->from;
  else
    link_up(event->from, event->to);
}

static int sim_break(lua_State *L) {  // break_link(a, b, ms): down, and up again after ms
  struct sim *sim = check(L);
  struct node *a = check_node(L, sim, 2);
  struct node *b = check_node(L, sim, 3);
  if (!a->up || !b->up || a->stalled || b->stalled) return 0;
  link_down(a, b);
  later(b, sim->now + luaL_checkinteger(L, 4), again)->from = a;
  return 0;
}

static int sim_part(lua_State *L) {  // part(a, b): each takes the other for dead, and both live
  struct sim *sim = check(L);
  struct node *a = check_node(L, sim, 2);
  struct node *b = check_node(L, sim, 3);
  hear_end(a, b, 100, true);
  hear_end(b, a, 100, true);
  return 0;
}

static int sim_meet(lua_State *L) {  // meet(a, b): the death is refuted
  struct sim *sim = check(L);
  later(check_node(L, sim, 2), delay(sim, 100), meet)->from = check_node(L, sim, 3);
  return 0;
}

static int sim_split(lua_State *L) {  // split(heard_within, node...): these, and all others
  struct sim *sim = check(L);
  const lh_ms within = luaL_checkinteger(L, 2);
  luaL_argcheck(L, !sim->split, 1, "it is split");
  for (size_t i = 0; i < sim->count; i++) sim->nodes[i].across = false;
  for (int arg = 3; arg <= lua_gettop(L); arg++) check_node(L, sim, arg)->across = true;
  sim->split = true;
  for (size_t i = 0; i < sim->count; i++) {
    for (size_t k = 0; k < sim->count; k++) {
      if (are_cut(&sim->nodes[i], &sim->nodes[k])) hear_cut(&sim->nodes[i], &sim->nodes[k], within);
    }
  }
  return 0;
}

static int sim_across(lua_State *L) {  // across(node): on the second side of a split
  lua_pushboolean(L, check_node(L, check(L), 2)->across);
  return 1;
}

static int sim_heal(lua_State *L) {  // heal(within): the sides meet
  struct sim *sim = check(L);
  const lh_ms within = luaL_checkinteger(L, 2);
  for (size_t i = 0; i < sim->count; i++) {
    for (size_t k = 0; k < i; k++) {
      struct node *a = &sim->nodes[i];
      struct node *b = &sim->nodes[k];
      if (!are_cut(a, b) || !a->up || !b->up) continue;
      link_down(a, b);
      later(a, delay(sim, within), meet)->from = b;
    }
  }
  sim->split = false;
  return 0;
}

static int sim_new_epoch(lua_State *L) {
  struct sim *sim = check(L);
  struct node *node = check_node(L, sim, 2);
  if (node->up && !node->stalled) new_epoch(node);
  return 0;
}

static int sim_run(lua_State *L) {
  if (!run_for(check(L), luaL_checkinteger(L, 2))) return luaL_error(L, "time stands still");
  return 0;
}

static int sim_set_state(lua_State *L) {  // every running instance gets a state of its own
  struct sim *sim = check(L);
  for (size_t i = 0; i < sim->actor_count; i++) sim->actors[i].state = atoi(sim->actors[i].id + 1);
  return 0;
}

static int sim_fail_every(lua_State *L) {
  check(L)->fail_every = luaL_checkinteger(L, 2);
  return 0;
}

static int sim_strict(lua_State *L) {  // strict(on, stops_only): see hub_watch.h
  check(L)->watch.strict = lua_toboolean(L, 2);
  check(L)->watch.stops_only = lua_toboolean(L, 3);
  return 0;
}

static int sim_violation(lua_State *L) {
  const struct watch *watch = &check(L)->watch;
  if (watch->violation[0] == '\0') return 0;
  lua_pushstring(L, watch->violation);
  return 1;
}

static int sim_end_child(lua_State *L) {  // end_child(id, abnormal): it ends by itself
  struct sim *sim = check(L);
  const char *id = luaL_checkstring(L, 2);
  for (size_t i = 0; i < sim->actor_count; i++) {
    struct actor actor = sim->actors[i];
    if (strcmp(actor.id, id) != 0) continue;
    actor_remove(sim, &sim->actors[i]);
    lh_hubs_ended(actor.node->hubs, sim->now, actor.token, lua_toboolean(L, 3), "it ended");
    lua_pushboolean(L, true);
    return 1;
  }
  return 0;
}

#include "hub_moves.h"

// --- what is ---
static int sim_truth(lua_State *L) {  // what runs: id -> { nodes..., state = n }, by the actors
  struct sim *sim = check(L);
  lua_newtable(L);
  for (size_t i = 0; i < sim->actor_count; i++) {
    const struct actor *actor = &sim->actors[i];
    if (lua_getfield(L, -1, actor->id) == LUA_TNIL) {
      lua_pop(L, 1);
      lua_newtable(L);
      lua_pushvalue(L, -1);
      lua_setfield(L, -3, actor->id);
    }
    lua_pushstring(L, actor->node->name);
    lua_rawseti(L, -2, luaL_len(L, -2) + 1);
    lua_pushinteger(L, actor->state);
    lua_setfield(L, -2, "state");
    lua_pop(L, 1);
  }
  return 1;
}

// rows(node): "id@node/generation/state/spec/restarts/born", in any order
static int sim_rows(lua_State *L) {
  struct sim *sim = check(L);
  const struct node *node = check_node(L, sim, 2);
  struct dump dump = {.sim = sim};
  const int hub = lh_registry_hub_find(node->registry, lh_bytes_str("h"));
  if (hub >= 0) lh_registry_scan(node->registry, (uint32_t)hub, dump_row, &dump);
  return push_rows(L, &dump);
}

typedef void each_fn(struct lh_registry *registry, uint32_t node,
                     bool (*fn)(void *self, const struct lh_row *row), void *self);

static void dump_ledgers(struct dump *dump, const struct node *node, bool frozen, each_fn *each,
                         bool (*fn)(void *self, const struct lh_row *row)) {
  uint32_t nodes[NODES_MAX * 8];
  const size_t count = lh_registry_ledgers(node->registry, nodes, NODES_MAX * 8, frozen);
  for (size_t i = 0; i < count; i++) each(node->registry, nodes[i], fn, dump);
}

static int sim_frozen(lua_State *L) {  // frozen(node): the rows of the dead that wait
  struct dump dump = {.sim = check(L)};
  dump_ledgers(&dump, check_node(L, dump.sim, 2), true, lh_registry_each, dump_row);
  return push_rows(L, &dump);
}

static int sim_orders(lua_State *L) {  // orders(node): the stop orders in the ledgers it holds
  struct dump dump = {.sim = check(L)};
  for (int frozen = 0; frozen <= 1; frozen++)
    dump_ledgers(&dump, check_node(L, dump.sim, 2), frozen, lh_registry_each_order, dump_order);
  return push_rows(L, &dump);
}

static int sim_figures(lua_State *L) {
  const struct sim *sim = check(L);
  size_t idle = 0;  // instances that are prepared or frozen
  for (size_t i = 0; i < sim->actor_count; i++)
    idle += sim->actors[i].prepared || sim->actors[i].frozen;
  const struct figure figures[] = {{"twice", sim->twice},
                                   {"drained", sim->drained},
                                   {"closed", sim->closed},
                                   {"idle", idle},
                                   {"malformed", sim->malformed},
                                   {"replies", sim->reply_count},
                                   {"loads", sim->loads},
                                   {"conflicts", sim->conflicts},
                                   {"asked", sim->asked},
                                   {"put_off", sim->put_off},
                                   {"start_frames", sim->start_frames}};
  return push_figures(L, figures, sizeof figures / sizeof figures[0]);
}

static int
sim_counters(lua_State *L) {  // counters(node): of stop orders, and of requests passed on
  struct lh_hubs_counters now;
  lh_hubs_counters(check_node(L, check(L), 2)->hubs, &now);
  const struct figure figures[] = {{"stop_orders", now.orders},
                                   {"ended_by_order", now.ended_by_order},
                                   {"away_joined", now.away_joined},
                                   {"asked_forgotten", now.asked_forgotten},
                                   {"forwarded", now.forwarded},
                                   {"conflicts", now.conflicts},
                                   {"conflicts_by_default", now.conflicts_by_default}};
  return push_figures(L, figures, sizeof figures / sizeof figures[0]);
}

static int sim_press(lua_State *L) {  // press(node, thousandths): so busy it is from now on
  check_node(L, check(L), 2)->pressure = (uint32_t)luaL_checkinteger(L, 3);
  return 0;
}

static int sim_up(lua_State *L) {
  lua_pushboolean(L, check_node(L, check(L), 2)->up);
  return 1;
}

static int sim_settled(lua_State *L) {
  struct sim *sim = check(L);
  for (size_t i = 0; i < sim->count; i++) {
    if (sim->nodes[i].up && lh_hubs_state(sim->nodes[i].hubs, lh_bytes_str("h")).locked) return 0;
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int sim_gc(lua_State *L) {
  struct sim *sim = check(L);
  struct lh_due *due;
  while ((due = lh_heap_pop(&sim->events, LH_NEVER)) != NULL)
    event_free(LH_ENTRY(due, struct event, due));
  for (size_t i = 0; i < sim->count; i++) {
    lh_hubs_free(sim->nodes[i].hubs);
    sim->nodes[i].hubs = NULL;
    lh_registry_free(sim->nodes[i].registry);
    lh_buf_free(&sim->nodes[i].disk);
  }
  for (size_t i = 0; i < sim->reply_count; i++) lh_buf_free(&sim->replies[i].result);
  lh_heap_free(&sim->events);
  lh_map_free(&sim->watch.generations);
  lh_map_free(&sim->watch.starts);
  lh_runs_free(sim->runs);
  lh_free(sim->actors);
  lh_free(sim->replies);
  lh_free(sim);
  return 0;
}

__attribute__((visibility("default"))) int luaopen_luahub_test_hub(lua_State *L);

int luaopen_luahub_test_hub(lua_State *L) {
  static const luaL_Reg methods[] = {{"across", sim_across},
                                     {"break_link", sim_break},
                                     {"close", sim_close},
                                     {"counters", sim_counters},
                                     {"crash", sim_crash},
                                     {"end_child", sim_end_child},
                                     {"fail_every", sim_fail_every},
                                     {"figures", sim_figures},
                                     {"frozen", sim_frozen},
                                     {"heal", sim_heal},
                                     {"join", sim_join},
                                     {"leave", sim_leave},
                                     {"meet", sim_meet},
                                     {"new_epoch", sim_new_epoch},
                                     {"open", sim_open},
                                     {"orders", sim_orders},
                                     {"part", sim_part},
                                     {"press", sim_press},
                                     {"replies", sim_replies},
                                     {"restart", sim_restart},
                                     {"rows", sim_rows},
                                     {"run", sim_run},
                                     {"runs_hub", sim_runs_hub},
                                     {"set_on_conflict", sim_set_on_conflict},
                                     {"set_policy", sim_set_policy},
                                     {"set_quorum", sim_set_quorum},
                                     {"members", sim_members},
                                     {"forget", sim_forget},
                                     {"reset_quorum", sim_reset},
                                     {"keep_fails", sim_keep_fails},
                                     {"state", sim_state},
                                     {"set_state", sim_set_state},
                                     {"settled", sim_settled},
                                     {"split", sim_split},
                                     {"stall", sim_stall},
                                     {"start", sim_start},
                                     {"stop", sim_stop},
                                     {"strict", sim_strict},
                                     {"terminate", sim_terminate},
                                     {"truth", sim_truth},
                                     {"up", sim_up},
                                     {"violation", sim_violation},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", sim_new}, {NULL, NULL}};
  lh_registry_thread_enter();
  lh_log_set_level(LH_LOG_NONE);
  luaL_newmetatable(L, SIM);
  luaL_newlib(L, methods);
  luaL_setfuncs(L, moves_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, sim_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
