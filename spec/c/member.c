// rooms: base wire member
// member.c - the simulator of member_sim.h as a Lua object, so that scenarios are Lua; and bytes
// made by hand.
#include <lauxlib.h>
#include <lua.h>

#include "base/log.h"
#include "member_sim.h"
#include "wire/wire.h"

#define SIM "luahub_test.member"

static struct sim *get_sim(lua_State *L) { return *(struct sim **)luaL_checkudata(L, 1, SIM); }
static struct node *get_node(lua_State *L, int arg) {
  struct sim *sim = get_sim(L);
  lua_Integer index = luaL_checkinteger(L, arg);
  luaL_argcheck(L, index >= 1 && index <= sim->count, arg, "no such node");
  return &sim->nodes[index - 1];
}
static struct node *get_running(lua_State *L, int arg) {
  struct node *node = get_node(L, arg);
  luaL_argcheck(L, node->up, arg, "this node does not run");
  return node;
}

static double field(lua_State *L, const char *name, double otherwise) {
  lua_getfield(L, 1, name);
  double value = luaL_optnumber(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

static void init_node(struct sim *sim, int index) {
  struct node *node = &sim->nodes[index];
  node->sim = sim;
  node->index = index;
  node->woken_at = -100 * 1000;
  node->seen = lh_zalloc((size_t)sim->count * sizeof *node->seen);
  lh_list_init(&node->backlog);
  snprintf(node->name, sizeof node->name, "n%d", index + 1);
  for (int w = 0; w < 4; w++) {
    uint64_t word = lh_hash(node->name, strlen(node->name), (uint64_t)w);
    memcpy(node->key + 8 * w, &word, 8);
  }
  memcpy(node->id.bytes, node->key, 16);
  (void)lh_map_put(&sim->by_id, node->id.bytes, sizeof node->id.bytes, node);
  sim->ticks[index] = (struct event){.kind = TICK, .from = index, .to = index};
}

static int l_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  struct sim *sim = LH_NEW(struct sim);
  sim->count = (int)field(L, "nodes", 3);
  sim->random.state = (uint64_t)field(L, "seed", 1);
  sim->loss = field(L, "loss", 0);
  sim->twice = field(L, "twice", 0);
  sim->delay_min = (lh_ms)field(L, "delay_min", 0);
  sim->delay_max = (lh_ms)field(L, "delay_max", 2);
  if (sim->count < 1 || sim->count > NODES_MAX || sim->delay_max < sim->delay_min) {
    lh_free(sim);
    return luaL_error(L, "nodes or delays out of range");
  }
  sim->links = lh_zalloc((size_t)(sim->count * sim->count) * sizeof(struct link *));
  for (int i = 0; i < sim->count; i++) init_node(sim, i);
  *(struct sim **)lua_newuserdatauv(L, sizeof(struct sim *), 0) = sim;
  luaL_setmetatable(L, SIM);
  return 1;
}

static int l_gc(lua_State *L) {
  struct sim *sim = get_sim(L);
  for (int i = 0; i < sim->count; i++) {
    for (int j = i + 1; j < sim->count; j++) {
      struct link *link = sim->links[i * sim->count + j];
      if (link) clear_link(sim, link);
      lh_free(link);
    }
    clear_backlog(&sim->nodes[i]);
    lh_members_free(sim->nodes[i].members);
    lh_heap_cancel(&sim->heap, &sim->ticks[i].due);
    lh_free(sim->nodes[i].seen);
  }
  struct lh_due *due;
  while ((due = lh_heap_pop(&sim->heap, LH_NEVER))) free_event(LH_ENTRY(due, struct event, due));
  lh_heap_free(&sim->heap);
  lh_map_free(&sim->by_id);
  lh_free(sim->links);
  lh_free(sim);
  return 0;
}

// sim:start(node, seed): boots it with the next epoch; `seed` is the node it dials.
static int l_start(lua_State *L) {
  struct sim *sim = get_sim(L);
  struct node *node = get_node(L, 2);
  luaL_argcheck(L, !node->up, 2, "it runs already");
  if (lua_isstring(L, 4)) snprintf(node->name, sizeof node->name, "%s", lua_tostring(L, 4));
  boot(sim, node);
  if (!lua_isnoneornil(L, 3)) new_event(sim, DIAL, node, get_node(L, 3), sim->now + 2 * delay(sim));
  return 0;
}
static int l_join(lua_State *L) {
  struct sim *sim = get_sim(L);
  new_event(sim, DIAL, get_running(L, 2), get_node(L, 3), sim->now + 2 * delay(sim));
  return 0;
}
static int l_run(lua_State *L) {
  struct sim *sim = get_sim(L);
  run_until(sim, sim->now + luaL_checkinteger(L, 2));
  return 0;
}
static int l_now(lua_State *L) {
  lua_pushinteger(L, get_sim(L)->now);
  return 1;
}
static int l_kill(lua_State *L) {
  stop(get_sim(L), get_node(L, 2));
  return 0;
}
static int l_stall(lua_State *L) {
  struct node *node = get_running(L, 2);
  if (!node->stalled) node->stalled_at = node->sim->now;
  node->stalled = true;
  schedule_tick(node);
  return 0;
}
static int l_wake(lua_State *L) {
  wake(get_sim(L), get_running(L, 2));
  return 0;
}
// The host is gone: no refusal, no reset.
static int l_vanish(lua_State *L) {
  struct sim *sim = get_sim(L);
  struct node *node = get_running(L, 2);
  node->stalled = node->vanished = true;
  node->stalled_at = sim->now;
  schedule_tick(node);
  return 0;
}
static int l_leave(lua_State *L) {
  struct node *node = get_running(L, 2);
  node->departed = true;
  lh_members_left(node->members, node->sim->now);
  schedule_tick(node);
  return 0;
}
// sim:update(node, { leaving = true, hubs = 3 })
static int l_update(lua_State *L) {
  struct node *node = get_running(L, 2);
  struct lh_member_record record;
  fill_record(node, &record);
  lua_getfield(L, 3, "leaving");
  record.leaving = lua_toboolean(L, -1);
  lua_getfield(L, 3, "hubs");
  lua_Integer hubs = luaL_optinteger(L, -1, 0);
  luaL_argcheck(L, hubs >= 0 && hubs <= LH_MEMBER_HUBS_MAX, 3, "too many hubs");
  record.hub_count = (uint32_t)hubs;
  record.hubs = hubs ? lh_zalloc((size_t)hubs * sizeof *record.hubs) : NULL;
  for (lua_Integer i = 0; i < hubs; i++)
    snprintf(record.hubs[i].id, sizeof record.hubs[i].id, "a hub with a fairly long name %d",
             (int)i);
  lh_members_update_self(node->members, &record, node->sim->now);
  lh_member_record_free(&record);
  schedule_tick(node);
  return 0;
}
static int l_hubs(lua_State *L) {
  const struct lh_member_record *record =
      lh_members_find(get_running(L, 2)->members, &get_node(L, 3)->id, NULL);
  lua_pushinteger(L, record ? (lua_Integer)record->hub_count : -1);
  return 1;
}
static int l_fence(lua_State *L) {
  struct node *node = get_running(L, 2), *subject = get_node(L, 3);
  struct lh_run run = {.id = subject->id,
                       .epoch = (uint64_t)luaL_optinteger(L, 4, (lua_Integer)subject->epoch)};
  lh_members_fence(node->members, &run);
  if (lh_members_is_fenced(node->members, &run))
    node->seen[subject->index].fenced_below = run.epoch + 1;
  schedule_tick(node);
  lua_pushboolean(L, lh_members_is_fenced(node->members, &run));
  return 1;
}
static int l_declare_dead(lua_State *L) {
  struct node *node = get_running(L, 2);
  struct lh_run run = run_of(get_node(L, 3));
  lh_members_declare_dead(node->members, &run, node->sim->now);
  schedule_tick(node);
  return 0;
}
// What a dial by `node` found out about the run of another, as if it had been made.
static int l_evidence(lua_State *L) {
  struct node *node = get_running(L, 2);
  struct lh_run run = run_of(get_node(L, 3));
  lh_members_evidence(node->members, node->sim->now, &run, lua_toboolean(L, 4));
  schedule_tick(node);
  return 0;
}
static int l_heard(lua_State *L) {
  struct node *node = get_running(L, 2);
  struct lh_run run = run_of(get_node(L, 3));
  lh_members_heard(node->members, node->sim->now, &run);
  return 0;
}
// sim:cut(from, to, what): "datagrams", "all" or nil (heal); one way.
static int l_cut(lua_State *L) {
  struct sim *sim = get_sim(L);
  const char *what = luaL_optstring(L, 4, "");
  sim->cut[get_node(L, 2)->index][get_node(L, 3)->index] = *what == 'd' ? 1 : *what == 'a' ? 2 : 0;
  return 0;
}
// sim:refuse(from, to, on): something on the way refuses the dials of one to the other, though both
// live.
static int l_refuse(lua_State *L) {
  struct sim *sim = get_sim(L);
  sim->refused_way[get_node(L, 2)->index][get_node(L, 3)->index] = lua_toboolean(L, 4);
  return 0;
}
static int l_break(lua_State *L) {
  struct sim *sim = get_sim(L);
  if (get_node(L, 2) != get_node(L, 3))
    break_link(sim, get_node(L, 2)->index, get_node(L, 3)->index);
  return 0;
}
static int l_loss(lua_State *L) {
  get_sim(L)->loss = luaL_checknumber(L, 2);
  return 0;
}

static int l_state(lua_State *L) {
  enum lh_member_state state;
  const struct lh_member_record *record =
      lh_members_find(get_running(L, 2)->members, &get_node(L, 3)->id, &state);
  if (!record) return 0;
  lua_pushstring(L, lh_member_state_name(state));
  lua_pushinteger(L, (lua_Integer)record->run.epoch);
  lua_pushinteger(L, lh_members_incarnation(get_node(L, 2)->members, &record->run.id));
  return 3;
}
// sim:name(node): as it calls itself.
static int l_name(lua_State *L) {
  lua_pushstring(L, get_running(L, 2)->name);
  return 1;
}
// sim:name_seen(observer, node): as the observer knows it, or nil.
static int l_name_seen(lua_State *L) {
  struct node *node = get_node(L, 3);
  const struct lh_member_record *record =
      lh_members_find(get_running(L, 2)->members, &node->id, NULL);
  lua_pushstring(L, record ? record->name : NULL);
  return 1;
}
// sim:lower(a, b): which of the two has the lower id.
static int l_lower(lua_State *L) {
  bool first = lh_node_id_compare(&get_node(L, 2)->id, &get_node(L, 3)->id) < 0;
  lua_pushvalue(L, first ? 2 : 3);
  return 1;
}

static int l_ended(lua_State *L) {
  struct node *node = get_node(L, 2);
  if (!node->ended) return 0;
  lua_pushstring(L, lh_err_name(node->ended));
  return 1;
}
static int l_dead_at(lua_State *L) {
  lua_pushinteger(L, get_node(L, 2)->seen[get_node(L, 3)->index].dead_at);
  return 1;
}
static int l_linked(lua_State *L) {
  lua_pushboolean(L, get_node(L, 2) != get_node(L, 3) &&
                         link_of(get_sim(L), get_node(L, 2)->index, get_node(L, 3)->index)->up);
  return 1;
}

static bool sees(struct sim *sim, const struct node *by, const struct node *node, lua_State *L) {
  enum lh_member_state state = LH_MEMBER_DEAD;
  const struct lh_member_record *record = lh_members_find(by->members, &node->id, &state);
  bool live = record && (state == LH_MEMBER_ALIVE || state == LH_MEMBER_LEAVING) &&
              record->run.epoch == node->epoch;
  bool over = !record || state >= LH_MEMBER_DEAD;
  uint32_t incarnation = lh_members_incarnation(by->members, &node->id);
  bool right =
      runs(node) ? live && incarnation == lh_members_incarnation(node->members, &node->id) : over;
  (void)sim;
  if (!right)
    lua_pushfstring(L, "%s sees %s as %s, epoch %d, incarnation %d", by->name, node->name,
                    record ? lh_member_state_name(state) : "unknown",
                    record ? (int)record->run.epoch : 0, (int)incarnation);
  return right;
}

// Do all running nodes see each other alive, in the same incarnation, and the others dead, left or
// not at all?
static int l_agree(lua_State *L) {
  struct sim *sim = get_sim(L);
  for (int i = 0; i < sim->count; i++) {
    if (!runs(&sim->nodes[i])) continue;
    for (int j = 0; j < sim->count; j++) {
      if (sees(sim, &sim->nodes[i], &sim->nodes[j], L)) continue;
      lua_pushnil(L);
      lua_insert(L, -2);
      return 2;
    }
  }
  lua_pushboolean(L, 1);
  return 1;
}

static void set_count(lua_State *L, const char *name, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}
static int l_counters(lua_State *L) {
  struct lh_members_counters c;
  lh_members_counters(get_running(L, 2)->members, &c);
  lua_newtable(L);
  set_count(L, "probes", c.probes);
  set_count(L, "probe_failures", c.probe_failures);
  set_count(L, "suspicions", c.suspicions);
  set_count(L, "refutations", c.refutations);
  set_count(L, "deaths", c.deaths);
  set_count(L, "hard_deaths", c.hard_deaths);
  set_count(L, "malformed", c.malformed);
  set_count(L, "bad_signature", c.bad_signature);
  set_count(L, "stalls", c.stalls);
  set_count(L, "udp_broken", c.udp_broken);
  set_count(L, "full", c.full);
  set_count(L, "rumours_dropped", c.rumours_dropped);
  return 1;
}
static int l_stats(lua_State *L) {
  struct sim *sim = get_sim(L);
  lua_newtable(L);
  set_count(L, "false_verdicts", sim->false_verdicts);
  set_count(L, "refused", sim->refused);
  set_count(L, "events", sim->events);
  set_count(L, "datagrams", sim->datagrams);
  set_count(L, "datagram_bytes", sim->datagram_bytes);
  set_count(L, "control_bytes", sim->control_bytes);
  set_count(L, "hash", sim->hash);
  if (sim->violation[0]) {
    lua_pushstring(L, sim->violation);
    lua_setfield(L, -2, "violation");
  }
  return 1;
}

// Bytes made by hand

// sim:greeting(node, { epoch, name, settled, labels, weight, forge }): what a node would greet
// with.
static int l_greeting(lua_State *L) {
  struct node *node = get_node(L, 2);
  struct lh_member_record record;
  uint8_t signature[64];
  struct lh_buf body = LH_BUF_EMPTY, out = LH_BUF_EMPTY;
  fill_record(node, &record);
  lua_getfield(L, 3, "epoch");
  record.run.epoch = (uint64_t)luaL_optinteger(L, -1, (lua_Integer)node->epoch);
  lua_getfield(L, 3, "name");
  snprintf(record.name, sizeof record.name, "%s", luaL_optstring(L, -1, node->name));
  lua_getfield(L, 3, "address");
  if (lua_isstring(L, -1))
    snprintf(record.addresses[0], sizeof record.addresses[0], "%s", lua_tostring(L, -1));
  lua_getfield(L, 3, "settled");
  record.settled = lua_toboolean(L, -1);
  lua_getfield(L, 3, "labels");
  snprintf(record.labels, sizeof record.labels, "%s", luaL_optstring(L, -1, ""));
  lua_getfield(L, 3, "weight");
  record.weight = (uint32_t)luaL_optinteger(L, -1, LH_MEMBER_WEIGHT_ONE);
  lua_getfield(L, 3, "version");
  record.version = (uint64_t)luaL_optinteger(L, -1, 1);
  lh_member_record_encode(&record, NULL, &body);
  sign_with(node->key, lh_bytes_of(&body), signature);
  lua_getfield(L, 3, "forge");
  if (lua_toboolean(L, -1)) signature[0] ^= 1;
  lh_member_record_encode(&record, signature, &out);
  lua_pushlstring(L, (const char *)out.data, out.len);
  lh_buf_free(&body);
  lh_buf_free(&out);
  return 1;
}

// sim:check(at, node, epoch, greeting)
static int l_check(lua_State *L) {
  struct lh_run run = {.id = get_node(L, 3)->id, .epoch = (uint64_t)luaL_checkinteger(L, 4)};
  struct lh_error error = {0};
  size_t len;
  const char *bytes = luaL_checklstring(L, 5, &len);
  int err = lh_members_check(get_running(L, 2)->members, &run, lh_bytes(bytes, len), &error);
  lua_pushstring(L, err ? lh_err_name(err) : "ok");
  lua_pushstring(L, error.text);
  return 2;
}

static int state_number(lua_State *L, int arg) {
  static const char *const names[] = {"alive", "suspect", "leaving", "dead", "left", NULL};
  return luaL_checkoption(L, arg, NULL, names);
}

static void write_fact_head(struct lh_buf *out, int state, const struct lh_run *subject,
                            uint64_t incarnation, const struct lh_run *author) {
  lh_write_uint(out, (uint64_t)state);
  lh_write_run(out, subject);
  lh_write_uint(out, incarnation);
  lh_write_run(out, author);
}

// sim:fact(state, subject, incarnation, author, signer, age): an ITEMS message with one fact.
static int l_fact(lua_State *L) {
  int state = state_number(L, 2);
  struct lh_run subject = run_of(get_node(L, 3)), author = run_of(get_node(L, 5));
  uint64_t incarnation = (uint64_t)luaL_checkinteger(L, 4);
  uint8_t signature[64];
  struct lh_buf body = LH_BUF_EMPTY, out = LH_BUF_EMPTY;
  lh_write_array(&body, 5);
  lh_write_cstr(&body, "fact");
  write_fact_head(&body, state, &subject, incarnation, &author);
  sign_with(get_node(L, 6)->key, lh_bytes_of(&body), signature);
  lh_write_array(&out, 4);
  lh_write_uint(&out, 4);  // ITEMS
  lh_write_uint(&out, 0);
  lh_write_nil(&out);
  lh_write_array(&out, 6);
  write_fact_head(&out, state, &subject, incarnation, &author);
  lh_write_uint(&out, (uint64_t)luaL_optinteger(L, 7, 0));
  lh_write_bin(&out, signature, sizeof signature);
  lua_pushlstring(L, (const char *)out.data, out.len);
  lh_buf_free(&body);
  lh_buf_free(&out);
  return 1;
}

// sim:items(record): an ITEMS message with one record.
static int l_items(lua_State *L) {
  size_t len;
  const char *record = luaL_checklstring(L, 2, &len);
  struct lh_buf out = LH_BUF_EMPTY;
  lh_write_array(&out, 4);
  lh_write_uint(&out, 4);  // ITEMS
  lh_write_uint(&out, 0);
  lh_write_nil(&out);
  lh_write_bin(&out, record, len);
  lua_pushlstring(L, (const char *)out.data, out.len);
  lh_buf_free(&out);
  return 1;
}

// sim:ping_req(sequence, node): asks to probe that node.
static int l_ping_req(lua_State *L) {
  const struct lh_run target = run_of(get_node(L, 3));
  struct lh_buf out = LH_BUF_EMPTY;
  lh_write_array(&out, 3);
  lh_write_uint(&out, 2);  // PING_REQ
  lh_write_uint(&out, (uint64_t)luaL_checkinteger(L, 2));
  lh_write_run(&out, &target);
  lua_pushlstring(L, (const char *)out.data, out.len);
  lh_buf_free(&out);
  return 1;
}

// The signed record of a node that is nowhere in this network.
static void stranger(int number, struct lh_run *run, struct lh_buf *out) {
  struct lh_member_record record = {.run.epoch = 1, .version = 1};
  struct lh_buf body = LH_BUF_EMPTY;
  uint8_t signature[64];
  snprintf(record.name, sizeof record.name, "stranger%d", number);
  for (int i = 0; i < 4; i++) {
    const uint64_t word = lh_hash(record.name, strlen(record.name), (uint64_t)i);
    memcpy(record.public_key + 8 * i, &word, 8);
  }
  memcpy(record.run.id.bytes, record.public_key, sizeof record.run.id.bytes);
  lh_member_record_encode(&record, NULL, &body);
  sign_with(record.public_key, lh_bytes_of(&body), signature);
  lh_member_record_encode(&record, signature, out);
  lh_buf_free(&body);
  *run = record.run;
}

// sim:crowd(at, from, count, die): strangers with numbers from `from` on greet the node, one after
// the other; with `die` each is held for dead at once. Answers how many were let in.
static int l_crowd(lua_State *L) {
  struct node *at = get_running(L, 2);
  const int from = (int)luaL_checkinteger(L, 3);
  const int count = (int)luaL_checkinteger(L, 4);
  int admitted = 0;
  for (int i = 0; i < count; i++) {
    struct lh_run run;
    struct lh_error error;
    struct lh_buf greeting = LH_BUF_EMPTY;
    stranger(from + i, &run, &greeting);
    const struct lh_bytes bytes = lh_bytes_of(&greeting);
    if (lh_members_check(at->members, &run, bytes, &error) == 0 &&
        lh_members_link_up(at->members, at->sim->now, &run, bytes) == 0)
      admitted++;
    if (lua_toboolean(L, 5)) lh_members_declare_dead(at->members, &run, at->sim->now);
    lh_buf_free(&greeting);
  }
  schedule_tick(at);
  lua_pushinteger(L, admitted);
  return 1;
}

// sim:stranger(number): a record of somebody who is nowhere.
static int l_stranger(lua_State *L) {
  struct lh_run run;
  struct lh_buf out = LH_BUF_EMPTY;
  stranger((int)luaL_checkinteger(L, 2), &run, &out);
  lua_pushlstring(L, (const char *)out.data, out.len);
  lh_buf_free(&out);
  return 1;
}

// sim:inject(to, from, bytes, control)
static int l_inject(lua_State *L) {
  struct node *to = get_running(L, 2);
  struct lh_run from = run_of(get_node(L, 3));
  size_t len;
  const char *bytes = luaL_checklstring(L, 4, &len);
  if (lua_toboolean(L, 5))
    lh_members_control(to->members, to->sim->now, &from, lh_bytes(bytes, len));
  else
    lh_members_datagram(to->members, to->sim->now, &from, lh_bytes(bytes, len));
  schedule_tick(to);
  return 0;
}

static const luaL_Reg methods[] = {{"start", l_start},
                                   {"join", l_join},
                                   {"run", l_run},
                                   {"now", l_now},
                                   {"kill", l_kill},
                                   {"stall", l_stall},
                                   {"wake", l_wake},
                                   {"vanish", l_vanish},
                                   {"leave", l_leave},
                                   {"update", l_update},
                                   {"hubs", l_hubs},
                                   {"fence", l_fence},
                                   {"declare_dead", l_declare_dead},
                                   {"cut", l_cut},
                                   {"break_link", l_break},
                                   {"refuse", l_refuse},
                                   {"loss", l_loss},
                                   {"evidence", l_evidence},
                                   {"heard", l_heard},
                                   {"state", l_state},
                                   {"ended", l_ended},
                                   {"name", l_name},
                                   {"name_seen", l_name_seen},
                                   {"lower", l_lower},
                                   {"dead_at", l_dead_at},
                                   {"linked", l_linked},
                                   {"agree", l_agree},
                                   {"counters", l_counters},
                                   {"stats", l_stats},
                                   {"greeting", l_greeting},
                                   {"check", l_check},
                                   {"fact", l_fact},
                                   {"items", l_items},
                                   {"ping_req", l_ping_req},
                                   {"crowd", l_crowd},
                                   {"stranger", l_stranger},
                                   {"inject", l_inject},
                                   {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_luahub_test_member(lua_State *L);
int luaopen_luahub_test_member(lua_State *L) {
  lh_log_set_level(LH_LOG_NONE);
  luaL_newmetatable(L, SIM);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushcfunction(L, l_new);
  lua_setfield(L, -2, "new");
  return 1;
}
