// watch.c - ledgers and members as every node sees them, compared with what their owners wrote. See
// watch.h.
#include "sim/watch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "hub/hub.h"
#include "member/member.h"
#include "node/node.h"
#include "sim/world.h"

enum { LEDGERS_MAX = 4096, HUBS_MAX = 64 };

struct held {       // of one ledger, by one observer
  uint64_t seq;     // the highest seen
  uint64_t hashed;  // at which its content was compared
};

struct met {  // of one member, by one observer
  uint64_t epoch;
  uint32_t incarnation;
};

struct observer {     // one run of one node, as long as it lasts
  uint32_t self;      // its run index; 0: none
  uint64_t heard;     // frames that changed ledgers
  uint64_t dropped;   // ledgers that it forgot
  struct held *held;  // by run index
  size_t held_cap;
  struct lh_map members;  // node id -> struct met
  uint64_t generations[HUBS_MAX];
};

struct tap {  // of what one node writes
  struct lh_watch *watch;
  struct lh_node *node;
};

struct lh_watch {
  struct tap taps[LH_WORLD_NODES_MAX];
  struct observer observers[LH_WORLD_NODES_MAX];
  struct lh_map rows;     // struct stamp -> hash of the row that its owner wrote then
  struct lh_map ledgers;  // struct stamp -> hash of all rows at that sequence
  struct lh_map runs;     // struct lh_run -> 1 + the node whose run it is
  struct lh_map shared;   // struct lh_run, of two nodes of one identity: neither is its one author
  bool cloned[LH_WORLD_NODES_MAX];
  bool has_clones;
  struct lh_watch_problem problem;
  uint32_t nodes[LEDGERS_MAX];
};

struct stamp {
  struct lh_run run;
  uint64_t seq;
};

struct lh_watch *lh_watch_new(void) {
  return LH_NEW(struct lh_watch);
}

static void forget(struct observer *observer) {
  for (size_t i = 0; i < observer->members.count; i++) lh_free(observer->members.entries[i].value);
  lh_map_free(&observer->members);
  lh_free(observer->held);
  *observer = (struct observer){0};
}

void lh_watch_free(struct lh_watch *watch) {
  if (watch == NULL) return;
  for (size_t i = 0; i < LH_WORLD_NODES_MAX; i++) forget(&watch->observers[i]);
  lh_map_free(&watch->rows);
  lh_map_free(&watch->ledgers);
  lh_map_free(&watch->runs);
  lh_map_free(&watch->shared);
  lh_free(watch);
}

const struct lh_watch_problem *lh_watch_problem(const struct lh_watch *watch) {
  return &watch->problem;
}

void lh_watch_cloned(struct lh_watch *watch, size_t number, size_t clone) {
  watch->cloned[number] = watch->cloned[clone] = watch->has_clones = true;
}

void lh_watch_gone(struct lh_watch *watch, size_t number) { forget(&watch->observers[number]); }

__attribute__((format(printf, 3, 4))) static void broken(struct lh_watch *watch, const char *name,
                                                         const char *format, ...) {
  if (watch->problem.name != NULL) return;
  va_list args;
  va_start(args, format);
  watch->problem.name = name;
  (void)vsnprintf(watch->problem.text, sizeof watch->problem.text, format, args);
  va_end(args);
}

// --- one look at a node ---

struct look {
  struct lh_watch *watch;
  struct observer *observer;
  struct lh_node *node;
  struct lh_registry *registry;
  const struct lh_runs *runs;
  uint32_t ledger;  // a run index
  uint64_t above;   // rows of higher sequences are looked at
  uint64_t sum;
};

static const char *name_of(const struct look *look, uint32_t node) {
  return lh_runs_name(look->runs, node);
}

static struct stamp stamp_of(const struct lh_run *run, uint64_t seq) {
  struct stamp stamp;
  memset(&stamp, 0, sizeof stamp);
  stamp.run = *run;
  stamp.seq = seq;
  return stamp;
}

static struct held *held_of(struct observer *observer, uint32_t node) {
  if (node >= observer->held_cap) {
    const size_t cap = (size_t)node * 2 + 16;
    observer->held = lh_realloc(observer->held, cap * sizeof *observer->held);
    memset(observer->held + observer->held_cap, 0,
           (cap - observer->held_cap) * sizeof *observer->held);
    observer->held_cap = cap;
  }
  return &observer->held[node];
}

// Never 0, so that it can stand in a map.
static uint64_t hash_row(const struct lh_registry *registry, const struct lh_row *row) {
  const struct lh_bytes hub = lh_registry_hub_id(registry, row->hub);
  const size_t len = (size_t)row->id_len + row->metadata_len + row->spec_len;
  const uint64_t words[] = {row->generation,        row->seq,    row->state,  row->restarts,
                            lh_pid_local(row->pid), row->pinned, row->active, row->id_len};
  const uint64_t hash = lh_hash(words, sizeof words, lh_hash(row->bytes, len, 0));
  return lh_hash(hub.data, hub.len, hash) | 1;
}

// --- S3, S5: rows ---

static void record_row(void *self, const struct lh_row *row) {
  const struct tap *tap = self;
  const struct stamp stamp = stamp_of(lh_runs_at(lh_node_runs(tap->node), row->node), row->seq);
  (void)lh_map_put(&tap->watch->rows, &stamp, sizeof stamp,
                   (void *)(uintptr_t)hash_row(lh_node_registry(tap->node), row));
}

void lh_watch_started(struct lh_watch *watch, size_t number, struct lh_node *node) {
  watch->taps[number] = (struct tap){watch, node};
  lh_registry_on_write(lh_node_registry(node), record_row, &watch->taps[number]);
}

static bool is_shared(const struct look *look, uint32_t ledger) {
  const struct lh_run *run = lh_runs_at(look->runs, ledger);
  return look->watch->shared.count > 0 &&
         lh_map_get(&look->watch->shared, run, sizeof *run) != NULL;
}

static bool check_row(void *self, const struct lh_row *row) {
  const struct look *look = self;
  if (row->seq <= look->above || is_shared(look, look->ledger)) return true;
  const struct stamp stamp = stamp_of(lh_runs_at(look->runs, look->ledger), row->seq);
  const void *written = lh_map_get(&look->watch->rows, &stamp, sizeof stamp);
  if ((uintptr_t)written == (uintptr_t)hash_row(look->registry, row)) return true;
  broken(look->watch, "S5",
         "%s holds a row of %s (epoch %" PRIu64 ", sequence %" PRIu64 ", child %.*s) that %s",
         name_of(look, look->observer->self), name_of(look, look->ledger), stamp.run.epoch,
         row->seq, (int)row->id_len, (const char *)row->bytes,
         written == NULL ? "its owner never wrote" : "its owner wrote otherwise");
  return false;
}

// What a node forgot on purpose it may meet again in an older state.
static void forget_dropped(const struct look *look, uint64_t dropped) {
  struct observer *observer = look->observer;
  if (observer->dropped == dropped) return;
  observer->dropped = dropped;
  for (uint32_t i = 0; i < observer->held_cap; i++) {
    const uint64_t seq = i != observer->self ? lh_registry_seq(look->registry, i) : UINT64_MAX;
    if (observer->held[i].seq > seq) observer->held[i].seq = seq;
  }
}

// Else a ledger never goes back. A dead one whose copy is in doubt counts for one less, so that
// another copy of the same sequence is news.
static void check_ledger(struct look *look, uint32_t ledger) {
  struct held *held = held_of(look->observer, ledger);
  const uint64_t seq = lh_registry_seq(look->registry, ledger);
  const bool shared = is_shared(look, ledger);
  const bool doubted = seq + 1 == held->seq && lh_registry_is_frozen(look->registry, ledger);
  if (seq == held->seq || seq == 0 || doubted) return;
  look->ledger = ledger;
  look->above = held->seq;
  if (seq < held->seq && !shared) {
    broken(look->watch, "S3",
           "%s saw the ledger of %s at sequence %" PRIu64 ", and now at %" PRIu64,
           name_of(look, look->observer->self), name_of(look, ledger), held->seq, seq);
  }
  held->seq = seq;
  if (ledger != look->observer->self) lh_registry_each(look->registry, ledger, check_row, look);
}

static void check_others(struct look *look) {
  for (int frozen = 0; frozen < 2; frozen++) {
    const size_t count =
        lh_registry_ledgers(look->registry, look->watch->nodes, LEDGERS_MAX, frozen == 1);
    for (size_t i = 0; i < count; i++) {
      if (look->watch->nodes[i] != look->observer->self) check_ledger(look, look->watch->nodes[i]);
    }
  }
}

static void check_generations(struct look *look) {
  for (uint32_t hub = 1; hub < HUBS_MAX; hub++) {
    if (lh_registry_hub_id(look->registry, hub).len == 0) return;
    const uint64_t generation = lh_registry_generation(look->registry, hub);
    if (generation < look->observer->generations[hub]) {
      broken(look->watch, "S3", "the generation of %s went back from %" PRIu64 " to %" PRIu64,
             name_of(look, look->observer->self), look->observer->generations[hub], generation);
    }
    look->observer->generations[hub] = generation;
  }
}

// --- S8: runs ---

static void new_run(struct look *look, size_t number) {
  struct lh_watch *watch = look->watch;
  const struct lh_run *run = lh_runs_at(look->runs, look->observer->self);
  const void *before = lh_map_put(&watch->runs, run, sizeof *run, (void *)(number + 1));
  if (before == NULL) return;
  if (watch->cloned[number]) {
    (void)lh_map_put(&watch->shared, run, sizeof *run, watch);
    return;
  }
  broken(watch, "S8", "%s begins epoch %" PRIu64 ", which it had before",
         name_of(look, look->observer->self), run->epoch);
}

static struct look look_at(struct lh_watch *watch, size_t number, struct lh_node *node) {
  struct observer *observer = &watch->observers[number];
  struct look look = {.watch = watch,
                      .observer = observer,
                      .node = node,
                      .registry = lh_node_registry(node),
                      .runs = lh_node_runs(node)};
  if (observer->self != lh_node_self(node)) {
    forget(observer);
    observer->self = lh_node_self(node);
    new_run(&look, number);
  }
  return look;
}

void lh_watch_event(struct lh_watch *watch, size_t number, struct lh_node *node) {
  struct look look = look_at(watch, number, node);
  struct lh_registry_counters counters;
  check_ledger(&look, look.observer->self);
  lh_registry_counters(look.registry, &counters);
  forget_dropped(&look, counters.dropped);
  const uint64_t heard = counters.deltas_in + counters.snapshots_in;
  if (heard == look.observer->heard) return;
  look.observer->heard = heard;
  check_others(&look);
  check_generations(&look);
}

// --- S4: whole ledgers ---

static bool add_row(void *self, const struct lh_row *row) {
  struct look *look = self;
  look->sum += hash_row(look->registry, row);
  return true;
}

static void compare_ledger(struct look *look, uint32_t ledger) {
  struct held *held = held_of(look->observer, ledger);
  const uint64_t seq = lh_registry_seq(look->registry, ledger);
  const bool whole = lh_registry_is_whole(look->registry, ledger);
  if (seq == held->hashed || !whole || is_shared(look, ledger)) return;
  held->hashed = seq;
  look->ledger = ledger;
  look->sum = 1;
  lh_registry_each(look->registry, ledger, add_row, look);
  const struct stamp stamp = stamp_of(lh_runs_at(look->runs, look->ledger), seq);
  const uint64_t sum = look->sum | 1;
  const void *before = lh_map_get(&look->watch->ledgers, &stamp, sizeof stamp);
  if (before == NULL) {
    (void)lh_map_put(&look->watch->ledgers, &stamp, sizeof stamp, (void *)(uintptr_t)sum);
  } else if ((uintptr_t)before != (uintptr_t)sum) {
    broken(look->watch, "S4",
           "%s holds other rows of %s at epoch %" PRIu64 ", sequence %" PRIu64 " than another node",
           name_of(look, look->observer->self), name_of(look, ledger), stamp.run.epoch, seq);
  }
}

static void compare_ledgers(struct look *look) {
  const size_t count = lh_registry_ledgers(look->registry, look->watch->nodes, LEDGERS_MAX, false);
  for (size_t i = 0; i < count; i++) compare_ledger(look, look->watch->nodes[i]);
}

// --- S3, S8: members ---

static struct met *met_by(struct observer *observer, const struct lh_node_id *id) {
  struct met *met = lh_map_get(&observer->members, id, sizeof *id);
  if (met == NULL) {
    met = LH_NEW(struct met);
    (void)lh_map_put(&observer->members, id, sizeof *id, met);
  }
  return met;
}

static void check_member(const struct look *look, const struct lh_member_record *record,
                         enum lh_member_state state) {
  const struct lh_members *members = lh_node_members(look->node);
  const uint32_t incarnation = lh_members_incarnation(members, &record->run.id);
  struct met *met = met_by(look->observer, &record->run.id);
  const bool back = record->run.epoch < met->epoch ||
                    (record->run.epoch == met->epoch && incarnation < met->incarnation);
  // Two of one identity may both refute in one epoch, each counting for itself.
  const bool of_two = look->watch->has_clones && record->run.epoch == met->epoch;
  if (back && !of_two) {
    broken(look->watch, "S3", "%s saw %s in epoch %" PRIu64 ".%u, and now in %" PRIu64 ".%u",
           name_of(look, look->observer->self), record->name, met->epoch, met->incarnation,
           record->run.epoch, incarnation);
  }
  *met = (struct met){record->run.epoch, incarnation};
  if (state != LH_MEMBER_DEAD && state != LH_MEMBER_LEFT &&
      lh_members_is_fenced(members, &record->run)) {
    broken(look->watch, "S8", "%s, epoch %" PRIu64 ", lives for %s, which had fenced it",
           record->name, record->run.epoch, name_of(look, look->observer->self));
  }
}

static void check_members(const struct look *look) {
  const struct lh_members *members = lh_node_members(look->node);
  const size_t count = members != NULL ? lh_members_count(members) : 0;
  for (size_t i = 0; i < count; i++) {
    enum lh_member_state state;
    const struct lh_member_record *record = lh_members_at(members, i, &state);
    check_member(look, record, state);
  }
}

// --- S10: limits ---

static void check_limit(const struct look *look, const char *what, size_t size, size_t max) {
  if (size <= max) return;
  broken(look->watch, "S10", "%s holds %zu %s, more than %zu", name_of(look, look->observer->self),
         size, what, max);
}

static void check_limits(const struct look *look) {
  struct lh_node_load load;
  lh_node_load(look->node, &load);
  check_limit(look, "operations", load.operations, LH_OPS_MAX);
  check_limit(look, "waiting requests", load.waiting, LH_OPS_MAX);
  check_limit(look, "callers", load.callers, LH_CALLERS_MAX);
  check_limit(look, "queued events", load.events, LH_EVENTS_QUEUED_MAX);
  check_limit(look, "members", load.members, LH_MEMBERS_MAX);
}

void lh_watch_look(struct lh_watch *watch, size_t number, struct lh_node *node) {
  struct look look = look_at(watch, number, node);
  compare_ledgers(&look);
  check_members(&look);
  check_limits(&look);
}
