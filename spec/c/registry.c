// rooms: base wire registry
//
// luahub_test.registry - several registries in one process, joined by pipes that a spec opens,
// cuts, slows and empties. Processes have numbers 1..n; so have runs: the first n are the
// processes' first, a process that returns in a new epoch gets the next. Every process has its own
// table of runs, filled in an order of its own, so an index that leaks from one to another shows.
// Strings in and out are raw bytes.
#include <lauxlib.h>
#include <lua.h>

#include "registry_cluster.h"

#define CLUSTER "luahub_test.registry.cluster"

// --- arguments ---

static struct cluster *check_cluster(lua_State *L) { return luaL_checkudata(L, 1, CLUSTER); }

static struct process *check_process(lua_State *L, int arg) {
  struct cluster *cluster = check_cluster(L);
  const lua_Integer number = luaL_checkinteger(L, arg);
  luaL_argcheck(L, number >= 1 && number <= cluster->count, arg,
                "a process of the cluster expected");
  return &cluster->processes[number];
}

static int check_run(lua_State *L, int arg) {
  const lua_Integer run = luaL_checkinteger(L, arg);
  luaL_argcheck(L, run >= 1 && run <= check_cluster(L)->run_count, arg, "a run expected");
  return (int)run;
}

// The run at `arg` as the process at 2 knows it.
static uint32_t check_node(lua_State *L, int arg) {
  return index_of(check_process(L, 2), check_run(L, arg));
}

static struct lh_registry *check_registry(lua_State *L) { return check_process(L, 2)->registry; }

static struct lh_bytes check_bytes(lua_State *L, int arg) {
  size_t len;
  const char *text = luaL_checklstring(L, arg, &len);
  return lh_bytes(text, len);
}

static uint32_t check_hub(lua_State *L, int arg) {
  return lh_registry_hub(check_registry(L), check_bytes(L, arg));
}

static struct lh_bytes field_bytes(lua_State *L, const char *name) {
  size_t len = 0;
  lua_getfield(L, 5, name);
  const char *text = lua_tolstring(L, -1, &len);
  lua_pop(L, 1);  // the table keeps it
  return lh_bytes(text, len);
}

static lua_Integer field_integer(lua_State *L, const char *name, lua_Integer otherwise) {
  lua_getfield(L, 5, name);
  const lua_Integer value = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

// --- building ---

// cluster(n, seed)
static int make_cluster(lua_State *L) {
  const lua_Integer count = luaL_checkinteger(L, 1);
  luaL_argcheck(L, count >= 1 && count <= PROCESSES_MAX, 1, "too many processes");
  struct cluster *cluster = lua_newuserdatauv(L, sizeof *cluster, 0);
  memset(cluster, 0, sizeof *cluster);
  luaL_setmetatable(L, CLUSTER);
  cluster->random.state = (uint64_t)luaL_optinteger(L, 2, 1);
  for (int i = 1; i <= count; i++) add_run(cluster, i, 1);
  for (int i = 1; i <= count; i++) {
    for (int j = 1; j <= count; j++) lh_list_init(&cluster->pipes[i][j]);
    struct process *process = &cluster->processes[i];
    *process = (struct process){.cluster = cluster, .number = i, .run = i, .runs = lh_runs_new()};
    for (int j = 0; j < count; j++) (void)index_of(process, 1 + (i + j) % (int)count);
    process->registry = lh_registry_new(process->runs, index_of(process, i), KEY, &OPS, process);
    cluster->count = i;
  }
  return 1;
}

static int close_cluster(lua_State *L) {
  struct cluster *cluster = check_cluster(L);
  for (int i = 1; i <= cluster->count; i++) {
    struct process *process = &cluster->processes[i];
    for (int j = 1; j <= cluster->count; j++) empty_pipe(&cluster->pipes[i][j]);
    lh_registry_free(process->registry);
    lh_runs_free(process->runs);
    lh_buf_free(&process->events);
  }
  cluster->count = 0;
  return 0;
}

static int link_processes(lua_State *L) {
  struct process *a = check_process(L, 2), *b = check_process(L, 3);
  if (a->cluster->linked[a->number][b->number]) return 0;
  link_up(a->cluster, a->number, b->number);
  lh_registry_peer_up(a->registry, index_of(a, b->run));
  lh_registry_peer_up(b->registry, index_of(b, a->run));
  return 0;
}

static int cut_processes(lua_State *L) {
  cut(check_process(L, 2), check_process(L, 3));
  return 0;
}

static int is_linked(lua_State *L) {
  const struct process *a = check_process(L, 2), *b = check_process(L, 3);
  lua_pushboolean(L, a->cluster->linked[a->number][b->number]);
  return 1;
}

// The process returns in a new epoch; answers the number of its new run.
static int restart(lua_State *L) {
  struct process *process = check_process(L, 2);
  struct cluster *cluster = process->cluster;
  if (cluster->run_count == RUNS_MAX) return luaL_error(L, "too many runs");
  for (int i = 1; i <= cluster->count; i++) cut(process, &cluster->processes[i]);
  process->run = add_run(cluster, process->number, cluster->runs[process->run].epoch + 1);
  lh_registry_new_epoch(process->registry, index_of(process, process->run));
  lua_pushinteger(L, process->run);
  return 1;
}

// --- the pipes ---

static int push_result(lua_State *L, int err) {
  if (err == 0)
    lua_pushliteral(L, "ok");
  else
    lua_pushstring(L, lh_err_name(err));
  return 1;
}

// deliver(from, to): the first frame of the pipe; "ok", an error's name, or nil when there is none.
static int deliver(lua_State *L) {
  struct cluster *cluster = check_cluster(L);
  const int from = check_process(L, 2)->number, to = check_process(L, 3)->number;
  if (lh_list_empty(&cluster->pipes[from][to])) return 0;
  return push_result(L, deliver_first(cluster, from, to));
}

// step(): the first frame of a pipe drawn by the seed; the same answers, and who got it from whom.
static int step(lua_State *L) {
  struct cluster *cluster = check_cluster(L);
  int full = 0;
  for (int i = 1; i <= cluster->count; i++) {
    for (int j = 1; j <= cluster->count; j++) full += !lh_list_empty(&cluster->pipes[i][j]);
  }
  if (full == 0) return 0;
  int drawn = (int)lh_random_below(&cluster->random, (uint64_t)full);
  for (int i = 1; i <= cluster->count; i++) {
    for (int j = 1; j <= cluster->count; j++) {
      if (lh_list_empty(&cluster->pipes[i][j]) || drawn-- > 0) continue;
      push_result(L, deliver_first(cluster, i, j));
      lua_pushinteger(L, i);
      lua_pushinteger(L, j);
      return 3;
    }
  }
  return 0;
}

// lose(from, to): the first frame of the pipe, taken away; its type and body.
static int lose(lua_State *L) {
  struct cluster *cluster = check_cluster(L);
  struct lh_list *link =
      lh_list_pop(&cluster->pipes[check_process(L, 2)->number][check_process(L, 3)->number]);
  if (link == NULL) return 0;
  struct frame *frame = LH_ENTRY(link, struct frame, list);
  lua_pushinteger(L, frame->type);
  lua_pushlstring(L, (const char *)frame->body.data, frame->body.len);
  frame_free(frame);
  return 2;
}

static int pending(lua_State *L) {
  struct lh_list *pipe =
      &check_cluster(L)->pipes[check_process(L, 2)->number][check_process(L, 3)->number];
  lua_Integer count = 0;
  for (struct lh_list *link = pipe->next; link != pipe; link = link->next) count++;
  lua_pushinteger(L, count);
  return 1;
}

// inject(to, from_run, type, body): a frame that the run never sent.
static int inject(lua_State *L) {
  const int err = lh_registry_receive(check_registry(L), check_node(L, 3),
                                      (uint8_t)luaL_checkinteger(L, 4), check_bytes(L, 5));
  return push_result(L, err);
}

// seal(process, label, before16, data): data behind its keyed digest, as a member of the cluster
// makes it.
static int seal(lua_State *L) {
  struct lh_chain before = {{0}};
  const struct lh_bytes given = check_bytes(L, 4), data = check_bytes(L, 5);
  memcpy(before.bytes, given.data, given.len < LH_CHAIN_SIZE ? given.len : LH_CHAIN_SIZE);
  const struct lh_chain digest =
      lh_chain_next(check_registry(L), luaL_checkstring(L, 3)[0], &before, data);
  lua_pushlstring(L, (const char *)digest.bytes, LH_CHAIN_SIZE);
  lua_pushlstring(L, (const char *)data.data, data.len);
  lua_concat(L, 2);
  return 1;
}

// --- writing ---

// put(process, hub, id, { spec, metadata, generation, born, pid, state, restarts, pinned })
static int put(lua_State *L) {
  if (lua_isnoneornil(L, 5)) {
    lua_settop(L, 4);
    lua_newtable(L);
  }
  struct lh_row_in in = {
      .hub = check_hub(L, 3),
      .id = check_bytes(L, 4),
      .spec = field_bytes(L, "spec"),
      .metadata = field_bytes(L, "metadata"),
      .generation = (uint64_t)field_integer(L, "generation", 1),
      .born = (uint64_t)field_integer(L, "born", 0),
      .pid_local = (uint64_t)field_integer(L, "pid", 0),
      .state = (uint8_t)field_integer(L, "state", LH_ROW_RUNNING),
      .restarts = (uint8_t)field_integer(L, "restarts", 0),
      .pinned = field_integer(L, "pinned", 0) != 0,
  };
  lua_pushinteger(L, (lua_Integer)lh_registry_put(check_registry(L), &in));
  return 1;
}

static int number(lua_State *L, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  return 1;
}

// order(process, hub, id, born): a stop order; remove_order takes it back
static int order(lua_State *L) {
  const uint64_t born = (uint64_t)luaL_checkinteger(L, 5);
  return number(L, lh_registry_order(check_registry(L), check_hub(L, 3), check_bytes(L, 4), born));
}
static int remove_order(lua_State *L) {
  return number(L, lh_registry_order_remove(check_registry(L), check_hub(L, 3), check_bytes(L, 4)));
}
static int ordered(lua_State *L) {
  return number(L, lh_registry_ordered(check_registry(L), check_hub(L, 3), check_bytes(L, 4)));
}
static int orders(lua_State *L) {  // orders(process, run): how many
  return number(L, lh_registry_orders(check_registry(L), check_node(L, 3)));
}

static int remove_row(lua_State *L) {
  return number(L, lh_registry_remove(check_registry(L), check_hub(L, 3), check_bytes(L, 4)));
}

static int hub(lua_State *L) {
  lua_pushinteger(L, check_hub(L, 3));
  return 1;
}

static int flush(lua_State *L) {
  lh_registry_flush(check_registry(L));
  return 0;
}

static int freeze(lua_State *L) {  // freeze(at, node, is_old)
  (lua_toboolean(L, 4) ? lh_registry_freeze_old : lh_registry_freeze)(check_registry(L),
                                                                      check_node(L, 3));
  return 0;
}

static int thaw(lua_State *L) {
  lh_registry_thaw(check_registry(L), check_node(L, 3));
  return 0;
}

static int drop(lua_State *L) {
  lh_registry_drop(check_registry(L), check_node(L, 3));
  return 0;
}

// fetch(process, from_run, ledger_run)
static int fetch(lua_State *L) {
  lh_registry_fetch(check_registry(L), check_node(L, 3), check_node(L, 4));
  return 0;
}

// cover(process, ledger_run, hub, id)
static int cover(lua_State *L) {
  lua_pushboolean(L, lh_registry_cover(check_registry(L), check_node(L, 3), check_hub(L, 4),
                                       check_bytes(L, 5)));
  return 1;
}

// compare(process, peer): with the peer's digest as it is now.
static int compare(lua_State *L) {
  uint8_t digest[16];
  lh_registry_digest(check_process(L, 3)->registry, digest);
  lh_registry_compare(check_registry(L), index_of(check_process(L, 2), check_process(L, 3)->run),
                      digest);
  return 0;
}

// --- looking ---

static int digest(lua_State *L) {
  uint8_t out[16];
  lh_registry_digest(check_registry(L), out);
  lua_pushlstring(L, (const char *)out, sizeof out);
  return 1;
}

static int seq(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_registry_seq(check_registry(L), check_node(L, 3)));
  return 1;
}

static int count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_registry_count(check_registry(L), check_node(L, 3)));
  return 1;
}

static int is_frozen(lua_State *L) {
  lua_pushboolean(L, lh_registry_is_frozen(check_registry(L), check_node(L, 3)));
  return 1;
}

static int in_step(lua_State *L) {
  const struct process *process = check_process(L, 2);
  lua_pushboolean(
      L, lh_registry_in_step(process->registry, index_of(process, check_process(L, 3)->run)));
  return 1;
}

static int generation(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_registry_generation(check_registry(L), check_hub(L, 3)));
  return 1;
}

static int ledgers(lua_State *L) {
  const struct process *process = check_process(L, 2);
  uint32_t nodes[RUNS_MAX];
  const size_t held = lh_registry_ledgers(process->registry, nodes, RUNS_MAX, lua_toboolean(L, 3));
  lua_newtable(L);
  for (size_t i = 0; i < held; i++) {
    lua_pushinteger(L, run_of(process, nodes[i]));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

// What the process was told since it was last asked.
static int events(lua_State *L) {
  struct process *process = check_process(L, 2);
  lua_pushlstring(L, process->events.data != NULL ? (const char *)process->events.data : "",
                  process->events.len);
  lh_buf_clear(&process->events);
  return 1;
}

struct dump {
  const struct lh_registry *registry;
  luaL_Buffer out;
};

static bool dump_row(void *self, const struct lh_row *row) {
  struct dump *dump = self;
  char head[160];
  const struct lh_bytes hub_id = lh_registry_hub_id(dump->registry, row->hub);
  luaL_addlstring(&dump->out, (const char *)hub_id.data, hub_id.len);
  luaL_addchar(&dump->out, ' ');
  luaL_addlstring(&dump->out, (const char *)lh_row_id(row).data, row->id_len);
  const int len = snprintf(
      head, sizeof head, " seq=%llu generation=%llu pid=%llu state=%d restarts=%d pinned=%d ",
      (unsigned long long)row->seq, (unsigned long long)row->generation,
      (unsigned long long)lh_pid_local(row->pid), row->state, row->restarts, row->pinned);
  luaL_addlstring(&dump->out, head, (size_t)len);
  luaL_addlstring(&dump->out, (const char *)lh_row_metadata(row).data, row->metadata_len);
  luaL_addchar(&dump->out, '|');
  luaL_addlstring(&dump->out, (const char *)lh_row_spec(row).data, row->spec_len);
  luaL_addchar(&dump->out, '\n');
  return true;
}

static bool dump_order(void *self, const struct lh_row *row) {
  struct dump *dump = self;
  char text[64];
  const struct lh_bytes hub_id = lh_registry_hub_id(dump->registry, row->hub);
  luaL_addlstring(&dump->out, (const char *)hub_id.data, hub_id.len);
  luaL_addchar(&dump->out, ' ');
  luaL_addlstring(&dump->out, (const char *)lh_row_id(row).data, row->id_len);
  const int len = snprintf(text, sizeof text, " stop seq=%llu born=%llu\n",
                           (unsigned long long)row->seq, (unsigned long long)row->born);
  luaL_addlstring(&dump->out, text, (size_t)len);
  return true;
}

// dump(process, run): every byte of the copy, in order of sequence; the stop orders behind the
// rows.
static int dump_ledger(lua_State *L) {
  struct dump dump = {.registry = check_registry(L)};
  const uint32_t node = check_node(L, 3);
  luaL_buffinit(L, &dump.out);
  lh_registry_each(check_registry(L), node, dump_row, &dump);
  lh_registry_each_order(check_registry(L), node, dump_order, &dump);
  luaL_pushresult(&dump.out);
  return 1;
}

// chain(process, run): the chain value of a copy, nil when there is none.
static int chain(lua_State *L) {
  const struct lh_registry *registry = check_registry(L);
  const struct lh_ledger *ledger = lh_ledger_get(registry, check_node(L, 3));
  if (ledger == NULL) return 0;
  struct lh_chain value;
  (void)lh_ledger_known(registry, ledger, &value);
  lua_pushlstring(L, (const char *)value.bytes, LH_CHAIN_SIZE);
  return 1;
}

// find(process, hub, id): the runs that hold an instance, best first; then their generations.
static int find(lua_State *L) {
  const struct process *process = check_process(L, 2);
  const struct lh_row *rows[PROCESSES_MAX];
  lua_newtable(L);
  lua_newtable(L);
  lh_registry_read_lock();
  size_t found =
      lh_registry_find(process->registry, check_hub(L, 3), check_bytes(L, 4), rows, PROCESSES_MAX);
  int runs[PROCESSES_MAX];
  uint64_t generations[PROCESSES_MAX];
  for (size_t i = 0; i < found; i++) {
    runs[i] = run_of(process, rows[i]->node);
    generations[i] = rows[i]->generation;
  }
  lh_registry_read_unlock();
  for (size_t i = 0; i < found; i++) {
    lua_pushinteger(L, runs[i]);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
    lua_pushinteger(L, (lua_Integer)generations[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 2;
}

// pid(process, hub, id): run and low bits, or nil.
static int pid(lua_State *L) {
  const struct process *process = check_process(L, 2);
  const lh_pid found = lh_registry_pid(process->registry, check_hub(L, 3), check_bytes(L, 4));
  if (found == 0) return 0;
  lua_pushinteger(L, run_of(process, lh_pid_node(found)));
  lua_pushinteger(L, (lua_Integer)lh_pid_local(found));
  return 2;
}

static int children(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_registry_children(check_registry(L), check_hub(L, 3)));
  return 1;
}

static bool collect_id(void *self, const struct lh_row *row) {
  struct lh_buf *out = self;
  lh_buf_append(out, lh_row_id(row).data, row->id_len);
  lh_buf_byte(out, '\n');
  return true;
}

static int push_ids(lua_State *L, struct lh_buf *ids) {
  lua_pushlstring(L, ids->data != NULL ? (const char *)ids->data : "", ids->len);
  lh_buf_free(ids);
  return 1;
}

// Ids, one a line: of a hub's rows, of those with a tag, of a page (and then how many ids there
// were).
static int scan(lua_State *L) {
  struct lh_buf ids = LH_BUF_EMPTY;
  lh_registry_scan(check_registry(L), check_hub(L, 3), collect_id, &ids);
  return push_ids(L, &ids);
}

static int scan_tag(lua_State *L) {
  struct lh_buf ids = LH_BUF_EMPTY;
  lh_registry_scan_tag(check_registry(L), check_hub(L, 3), check_bytes(L, 4), collect_id, &ids);
  return push_ids(L, &ids);
}

static int page(lua_State *L) {
  struct lh_buf ids = LH_BUF_EMPTY;
  const size_t limit = (size_t)luaL_checkinteger(L, 5);
  const size_t shown = lh_registry_page(check_registry(L), check_hub(L, 3), check_bytes(L, 4),
                                        limit, collect_id, &ids);
  push_ids(L, &ids);
  lua_pushinteger(L, (lua_Integer)shown);
  return 2;
}

static void set_counter(lua_State *L, const char *name, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

static int counters(lua_State *L) {
  struct lh_registry_counters all;
  lh_registry_counters(check_registry(L), &all);
  lua_newtable(L);
  set_counter(L, "deltas_in", all.deltas_in);
  set_counter(L, "deltas_out", all.deltas_out);
  set_counter(L, "snapshots_in", all.snapshots_in);
  set_counter(L, "snapshots_out", all.snapshots_out);
  set_counter(L, "gaps", all.gaps);
  set_counter(L, "duplicates", all.duplicates);
  set_counter(L, "refused", all.refused);
  set_counter(L, "malformed", all.malformed);
  set_counter(L, "digest_mismatch", all.digest_mismatch);
  set_counter(L, "orders_dropped", all.orders_dropped);
  return 1;
}

static const luaL_Reg METHODS[] = {
    {"link", link_processes},
    {"cut", cut_processes},
    {"is_linked", is_linked},
    {"restart", restart},
    {"deliver", deliver},
    {"step", step},
    {"lose", lose},
    {"pending", pending},
    {"inject", inject},
    {"seal", seal},
    {"put", put},
    {"remove", remove_row},
    {"order", order},
    {"remove_order", remove_order},
    {"ordered", ordered},
    {"orders", orders},
    {"hub", hub},
    {"flush", flush},
    {"freeze", freeze},
    {"thaw", thaw},
    {"drop", drop},
    {"fetch", fetch},
    {"cover", cover},
    {"compare", compare},
    {"digest", digest},
    {"seq", seq},
    {"count", count},
    {"is_frozen", is_frozen},
    {"in_step", in_step},
    {"generation", generation},
    {"ledgers", ledgers},
    {"events", events},
    {"dump", dump_ledger},
    {"chain", chain},
    {"find", find},
    {"pid", pid},
    {"children", children},
    {"scan", scan},
    {"scan_tag", scan_tag},
    {"page", page},
    {"counters", counters},
    {"close", close_cluster},
    {"__gc", close_cluster},
    {NULL, NULL},
};

// enter(), leave(): the thread of the test is the protocol thread, and registered as such.
static int enter(lua_State *L) {
  (void)L;
  lh_registry_thread_enter();
  return 0;
}

static int leave(lua_State *L) {
  (void)L;
  lh_registry_thread_leave();
  return 0;
}

static const luaL_Reg FUNCTIONS[] = {
    {"cluster", make_cluster}, {"enter", enter}, {"leave", leave}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_luahub_test_registry(lua_State *L);

int luaopen_luahub_test_registry(lua_State *L) {
  luaL_newmetatable(L, CLUSTER);
  luaL_setfuncs(L, METHODS, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
