// look.c - what a scenario sees of a simulated cluster, from outside and without asking any node:
// methods of the world (world.c) that change nothing.
#include "lua/world.h"

#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "base/hash.h"
#include "hub/hub.h"
#include "member/member.h"
#include "script/script.h"
#include "wire/wire.h"

enum { LEDGERS_MAX = 4096 };

struct seen {
  struct lh_buf out;
  uint32_t count;
};

static int push_seen(lua_State *L, const struct seen *seen) {
  struct lh_buf *all = lh_core_buffer(L);
  lh_write_array(all, seen->count);
  lh_buf_append(all, seen->out.data, seen->out.len);
  struct lh_buf *rest = lh_core_buffer(L);
  *rest = seen->out;
  if (lh_value_decode(L, lh_bytes_of(all), 1, NULL) != 1)
    return lh_script_fail(L, "limit", "there are too many children to be listed");
  return 1;
}

static struct lh_node *node_at(lua_State *L, int arg) {
  const struct lh_core_world *self = lh_core_check_world(L);
  return lh_world_node(self->world, lh_core_check_node(L, self, arg));
}

// Of the node that the caller names, or of all that run.
static int push_mixed(lua_State *L, uint64_t (*of)(struct lh_node *node)) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const bool all = lua_isnoneornil(L, 2);
  const size_t first = all ? 0 : lh_core_check_node(L, self, 2);
  const size_t end = all ? lh_world_count(self->world) : first + 1;
  uint64_t mixed = 0;
  for (size_t i = first; i < end; i++) {
    struct lh_node *node = lh_world_node(self->world, i);
    mixed = lh_hash_mix(mixed, node != NULL ? of(node) : 0);
  }
  lua_pushinteger(L, (lua_Integer)mixed);
  return 1;
}

// --- bodies ---

static void see_child(void *data, const struct lh_child_seen *child) {
  struct seen *seen = data;
  seen->count++;
  lh_write_map(&seen->out, 6);
  lh_write_cstr(&seen->out, "generation");
  lh_write_uint(&seen->out, child->generation);
  lh_write_cstr(&seen->out, "hub");
  lh_write_cstr(&seen->out, child->hub);
  lh_write_cstr(&seen->out, "id");
  lh_write_cstr(&seen->out, child->id);
  lh_write_cstr(&seen->out, "prepared");
  lh_write_bool(&seen->out, child->prepared);
  lh_write_cstr(&seen->out, "starts");
  lh_write_bool(&seen->out, child->starts);
  lh_write_cstr(&seen->out, "works");
  lh_write_bool(&seen->out, child->works);
}

// world:children(node) -> list of { id, hub, generation, works, starts, prepared } of the bodies
// there
static int world_children(lua_State *L) {
  struct lh_node *node = node_at(L, 2);
  struct seen seen = {.out = LH_BUF_EMPTY};
  if (node != NULL) lh_actors_each_child(lh_node_actors(node), see_child, &seen);
  return push_seen(L, &seen);
}

static void mix_child(void *data, const struct lh_child_seen *child) {
  uint64_t *hash = data;
  const uint64_t id = lh_hash(child->id, strlen(child->id),
                              child->generation << 3 | (uint64_t)child->starts << 2 |
                                  (uint64_t)child->prepared << 1 | child->works);
  *hash += lh_hash(child->hub, strlen(child->hub), lh_hash_mix(id, child->pid));
}

static uint64_t bodies_of(struct lh_node *node) {
  uint64_t hash = 1;
  lh_actors_each_child(lh_node_actors(node), mix_child, &hash);
  return hash;
}

// world:bodies([node]) -> a number that is another whenever other bodies live there, or anywhere
static int world_bodies(lua_State *L) { return push_mixed(L, bodies_of); }

// --- registries ---

struct row_list {
  struct seen seen;
  const struct lh_runs *runs;
};

static bool see_row(void *data, const struct lh_row *row) {
  struct row_list *list = data;
  struct lh_buf *out = &list->seen.out;
  list->seen.count++;
  lh_write_map(out, 4);
  lh_write_cstr(out, "generation");
  lh_write_uint(out, row->generation);
  lh_write_cstr(out, "id");
  lh_write_str(out, lh_row_id(row).data, lh_row_id(row).len);
  lh_write_cstr(out, "node");
  lh_write_cstr(out, lh_runs_name(list->runs, row->node));
  lh_write_cstr(out, "runs");
  lh_write_bool(out, row->pid != 0);
  return true;
}

// world:rows(node, hub) -> list of { id, node, generation, runs } that the node's registry holds
static int world_rows(lua_State *L) {
  struct lh_node *node = node_at(L, 2);
  size_t len = 0;
  const char *hub = luaL_checklstring(L, 3, &len);
  struct row_list list = {.seen = {.out = LH_BUF_EMPTY}};
  if (node != NULL) {
    const struct lh_registry *registry = lh_node_registry(node);
    const int index = lh_registry_hub_find(registry, lh_bytes(hub, len));
    list.runs = lh_node_runs(node);
    if (index >= 0) lh_registry_scan(registry, (uint32_t)index, see_row, &list);
  }
  return push_seen(L, &list.seen);
}

// world:digest(node) -> 16 bytes, equal on nodes whose registries agree; nil when it is down
static int world_digest(lua_State *L) {
  struct lh_node *node = node_at(L, 2);
  uint8_t digest[16];
  if (node == NULL) return 0;
  lh_registry_digest(lh_node_registry(node), digest);
  lua_pushlstring(L, (const char *)digest, sizeof digest);
  return 1;
}

// world:is_whole(node) -> whether no rows are missing of any ledger of the living that it holds
static int world_is_whole(lua_State *L) {
  static uint32_t ledgers[LEDGERS_MAX];
  struct lh_node *node = node_at(L, 2);
  bool whole = node != NULL;
  if (whole) {
    const struct lh_registry *registry = lh_node_registry(node);
    const size_t count = lh_registry_ledgers(registry, ledgers, LEDGERS_MAX, false);
    for (size_t i = 0; i < count; i++) whole = whole && lh_registry_is_whole(registry, ledgers[i]);
  }
  lua_pushboolean(L, whole);
  return 1;
}

// Changes when a ledger is forgotten, which one run's may be as another's begins, when one dies, or
// a row of the dead finds its place.
static uint64_t mix_ledgers(const struct lh_registry *registry, bool dead) {
  static uint32_t ledgers[LEDGERS_MAX];
  const size_t count = lh_registry_ledgers(registry, ledgers, LEDGERS_MAX, dead);
  uint64_t hash = count;
  for (size_t i = 0; i < count; i++) {
    hash = lh_hash_mix(hash, ledgers[i]);
    if (dead) hash = lh_hash_mix(hash, lh_registry_count(registry, ledgers[i]));
  }
  return hash;
}

static uint64_t registry_of(struct lh_node *node) {
  struct lh_registry_counters counters = {0};
  struct lh_registry *registry = lh_node_registry(node);
  lh_registry_counters(registry, &counters);
  const uint32_t self = lh_node_self(node);
  const uint64_t hash = lh_hash_mix(self, lh_registry_seq(registry, self));
  const uint64_t ledgers = lh_hash_mix(mix_ledgers(registry, false), mix_ledgers(registry, true));
  return lh_hash_mix(lh_hash_mix(hash, ledgers), counters.deltas_in + counters.snapshots_in);
}

// world:registries([node]) -> a number that is another whenever its registry, or any, holds
// something else
static int world_registries(lua_State *L) { return push_mixed(L, registry_of); }

// Whether a live or a dead ledger here has a row of the child.
struct wanted {
  uint32_t hub;
  struct lh_bytes id;
  bool found;
};

static bool is_wanted(void *data, const struct lh_row *row) {
  struct wanted *wanted = data;
  wanted->found = row->hub == wanted->hub && lh_bytes_equal(lh_row_id(row), wanted->id);
  return !wanted->found;
}

static bool node_knows(struct lh_node *node, struct lh_bytes hub, struct lh_bytes id) {
  static uint32_t ledgers[LEDGERS_MAX];
  struct lh_registry *registry = lh_node_registry(node);
  const int index = lh_registry_hub_find(registry, hub);
  if (index < 0) return false;
  struct wanted wanted = {.hub = (uint32_t)index, .id = id};
  const struct lh_row *row;
  lh_registry_read_lock();
  wanted.found = lh_registry_find(registry, wanted.hub, id, &row, 1) > 0;
  lh_registry_read_unlock();
  if (wanted.found) return true;
  const size_t count = lh_registry_ledgers(registry, ledgers, LEDGERS_MAX, true);
  for (size_t i = 0; i < count && !wanted.found; i++)
    lh_registry_each(registry, ledgers[i], is_wanted, &wanted);
  return wanted.found;
}

// world:knows(hub, id) -> whether any node that is up holds a row of the child, be it of the dead
static int world_knows(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  struct lh_bytes hub = {0};
  struct lh_bytes id = {0};
  hub.data = (const uint8_t *)luaL_checklstring(L, 2, &hub.len);
  id.data = (const uint8_t *)luaL_checklstring(L, 3, &id.len);
  bool known = false;
  for (size_t i = 0; i < lh_world_count(self->world) && !known; i++) {
    struct lh_node *node = lh_world_node(self->world, i);
    known = node != NULL && node_knows(node, hub, id);
  }
  lua_pushboolean(L, known);
  return 1;
}

struct ghosts {
  struct lh_buf out;
  uint32_t count;
  const struct lh_registry *registry;
  const struct lh_runs *runs;
};

static bool see_ghost(void *data, const struct lh_row *row) {
  struct ghosts *ghosts = data;
  const struct lh_bytes hub = lh_registry_hub_id(ghosts->registry, row->hub);
  ghosts->count++;
  lh_write_map(&ghosts->out, 4);
  lh_write_cstr(&ghosts->out, "epoch");
  lh_write_uint(&ghosts->out, lh_runs_at(ghosts->runs, row->node)->epoch);
  lh_write_cstr(&ghosts->out, "hub");
  lh_write_str(&ghosts->out, hub.data, hub.len);
  lh_write_cstr(&ghosts->out, "id");
  lh_write_str(&ghosts->out, lh_row_id(row).data, lh_row_id(row).len);
  lh_write_cstr(&ghosts->out, "node");
  lh_write_cstr(&ghosts->out, lh_runs_name(ghosts->runs, row->node));
  return true;
}

// world:ghosts(node) -> list of { id, hub, node, epoch }: rows of dead ledgers that wait there to
// be placed again
static int world_ghosts(lua_State *L) {
  static uint32_t ledgers[LEDGERS_MAX];
  struct lh_node *node = node_at(L, 2);
  struct ghosts ghosts = {.out = LH_BUF_EMPTY};
  if (node != NULL) {
    ghosts.registry = lh_node_registry(node);
    ghosts.runs = lh_node_runs(node);
    const size_t count = lh_registry_ledgers(ghosts.registry, ledgers, LEDGERS_MAX, true);
    for (size_t i = 0; i < count; i++)
      lh_registry_each(lh_node_registry(node), ledgers[i], see_ghost, &ghosts);
  }
  const struct seen seen = {ghosts.out, ghosts.count};
  return push_seen(L, &seen);
}

// --- rows of one generation ---

struct own_row {
  const char *node;
  uint64_t generation;
  struct lh_bytes hub, id;
};

struct own_rows {
  struct own_row *rows;
  size_t count, cap;
  const char *node;
  struct lh_registry *registry;
};

static bool take_row(void *data, const struct lh_row *row) {
  struct own_rows *all = data;
  if (all->count == all->cap) return false;
  all->rows[all->count++] = (struct own_row){
      .node = all->node,
      .generation = row->generation,
      .hub = lh_registry_hub_id(all->registry, row->hub),
      .id = lh_row_id(row),
  };
  return true;
}

static int compare_bytes(struct lh_bytes a, struct lh_bytes b) {
  const size_t shorter = a.len < b.len ? a.len : b.len;
  const int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_rows(const void *first, const void *second) {
  const struct own_row *a = first;
  const struct own_row *b = second;
  int order = (a->generation > b->generation) - (a->generation < b->generation);
  if (order == 0) order = compare_bytes(a->id, b->id);
  return order != 0 ? order : compare_bytes(a->hub, b->hub);
}

static void push_clashes(lua_State *L, const struct own_rows *all) {
  lua_newtable(L);
  lua_Integer found = 0;
  for (size_t i = 1; i < all->count; i++) {
    const struct own_row *a = &all->rows[i - 1];
    const struct own_row *b = &all->rows[i];
    if (compare_rows(a, b) != 0) continue;
    lua_createtable(L, 0, 5);
    lua_pushlstring(L, (const char *)b->hub.data, b->hub.len);
    lua_setfield(L, -2, "hub");
    lua_pushlstring(L, (const char *)b->id.data, b->id.len);
    lua_setfield(L, -2, "id");
    lua_pushinteger(L, (lua_Integer)b->generation);
    lua_setfield(L, -2, "generation");
    lua_pushstring(L, a->node);
    lua_setfield(L, -2, "a");
    lua_pushstring(L, b->node);
    lua_setfield(L, -2, "b");
    lua_rawseti(L, -2, ++found);
  }
}

// world:clashes() -> list of { hub, id, generation, a, b }: two nodes that are up have written rows
// of one child and one generation, each in its own ledger
static int world_clashes(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  struct own_rows all = {0};
  for (size_t i = 0; i < lh_world_count(self->world); i++) {
    struct lh_node *node = lh_world_node(self->world, i);
    if (node != NULL) all.cap += lh_registry_count(lh_node_registry(node), lh_node_self(node));
  }
  all.rows = lua_newuserdatauv(L, (all.cap + 1) * sizeof *all.rows, 0);
  for (size_t i = 0; i < lh_world_count(self->world); i++) {
    struct lh_node *node = lh_world_node(self->world, i);
    if (node == NULL) continue;
    all.node = lh_world_name(self->world, i);
    all.registry = lh_node_registry(node);
    lh_registry_each(all.registry, lh_node_self(node), take_row, &all);
  }
  qsort(all.rows, all.count, sizeof *all.rows, compare_rows);
  push_clashes(L, &all);
  return 1;
}

// --- nodes ---

// world:members(node) -> list of { name, state }; nil when it is down
static int world_members(lua_State *L) {
  struct lh_node *node = node_at(L, 2);
  if (node == NULL || lh_node_members(node) == NULL) return 0;
  const struct lh_members *members = lh_node_members(node);
  lua_newtable(L);
  for (size_t i = 0; i < lh_members_count(members); i++) {
    enum lh_member_state state;
    const struct lh_member_record *record = lh_members_at(members, i, &state);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, record->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, lh_member_state_name(state));
    lua_setfield(L, -2, "state");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

// world:epoch(node) -> of its run; 0 when it is down
static int world_epoch(lua_State *L) {
  struct lh_node *node = node_at(L, 2);
  const struct lh_run *run =
      node != NULL ? lh_runs_at(lh_node_runs(node), lh_node_self(node)) : NULL;
  lua_pushinteger(L, run != NULL ? (lua_Integer)run->epoch : 0);
  return 1;
}

// world:load(node) -> operations, callers: what waits there for an answer; 0 when it is down
static int world_load(lua_State *L) {
  struct lh_node *node = node_at(L, 2);
  struct lh_node_load load = {0};
  if (node != NULL) lh_node_load(node, &load);
  lua_pushinteger(L, (lua_Integer)load.operations);
  lua_pushinteger(L, (lua_Integer)load.callers);
  return 2;
}

// world:alone(node) -> how often it acted without the agreement of the others, or had to
static int world_alone(lua_State *L) {
  struct lh_node *node = node_at(L, 2);
  struct lh_hubs_counters counters = {0};
  if (node != NULL) lh_hubs_counters(lh_node_hubs(node), &counters);
  lua_pushinteger(L, (lua_Integer)counters.acted_without_agreement);
  return 1;
}

// world:partitioned(node, hub) -> whether the hub's partition strategy forbids it to act there; and
// whether so many members are there as its quorum needs
static int world_partitioned(lua_State *L) {
  struct lh_node *node = node_at(L, 2);
  size_t len = 0;
  const char *hub = luaL_checklstring(L, 3, &len);
  struct lh_hub_state state = {0};
  if (node != NULL) state = lh_hubs_state(lh_node_hubs(node), lh_bytes(hub, len));
  lua_pushboolean(L, state.partitioned);
  lua_pushboolean(L, state.has_quorum);
  return 2;
}

// world:look() -> name, text of the first invariant of a watched world that is broken; or nothing
static int world_look(lua_State *L) {
  const struct lh_core_world *self = lh_core_check_world(L);
  const struct lh_watch_problem *problem = lh_world_look(self->world);
  if (problem == NULL) return 0;
  lua_pushstring(L, problem->name);
  lua_pushstring(L, problem->text);
  return 2;
}

const luaL_Reg lh_core_world_looks[] = {
    {"alone", world_alone},
    {"bodies", world_bodies},
    {"children", world_children},
    {"clashes", world_clashes},
    {"digest", world_digest},
    {"epoch", world_epoch},
    {"ghosts", world_ghosts},
    {"is_whole", world_is_whole},
    {"knows", world_knows},
    {"load", world_load},
    {"look", world_look},
    {"members", world_members},
    {"partitioned", world_partitioned},
    {"registries", world_registries},
    {"rows", world_rows},
    {NULL, NULL},
};
