// crowd.c - how many children each node has, and the distributions that ask for it: rendezvous with
// bounded loads, and the less loaded of two.
//
// Bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018, there for a ring): no node takes more than
// `bound` times its share, rounded up; who finds the first of its nodes full goes to the next one
// by hash. The less loaded of two (Azar, Broder, Karlin, Upfal 1994): of the first two by hash the
// one with fewer children for its weight, where those of a node on which heaps wait for a thread
// (load.c) count for more. That word may be old; the counts are not, so starts one by one spread.
//
// Counts are of the rows known here, kept with each change and counted anew with each view, and of
// what this node sent out and has not seen a row of yet, for COUNT_MS. So they differ a little
// between nodes: whoever starts decides, and the first member decides for the dead. At a change of
// members each computes one plan for all rows, those of the dead too: by it the first member starts
// what is to be recovered, and each moves its own.
#include "hub/internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT_MS = 1000, NO_PRESSURE = 1000 };

// --- counting ---
static struct head_count *count_of(struct hub *hub, uint32_t node, bool add) {
  for (size_t i = 0; i < hub->seats.count_count; i++) {
    if (hub->seats.counts[i].node == node) return &hub->seats.counts[i];
  }
  if (!add) return NULL;
  hub->seats.counts =
      lh_realloc(hub->seats.counts, (hub->seats.count_count + 1) * sizeof(struct head_count));
  hub->seats.counts[hub->seats.count_count] = (struct head_count){.node = node};
  return &hub->seats.counts[hub->seats.count_count++];
}

static bool count_row(void *self, const struct lh_row *row) {
  count_of(self, row->node, true)->rows++;
  return true;
}

static void count_all(struct hub *hub, lh_ms now) {
  if (!hub->seats.counted) {
    hub->seats.count_count = 0;
    lh_registry_scan(hub->all->registry, hub->index, count_row, hub);
    hub->seats.counted = true;
  }
  if (now < hub->seats.sent_until) return;
  for (size_t i = 0; i < hub->seats.count_count; i++) hub->seats.counts[i].sent = 0;
  hub->seats.sent_until = now + COUNT_MS;
}

void lh_crowd_row(struct hub *hub, const struct lh_row *before, const struct lh_row *after) {
  if (!hub->seats.counted || !lh_distribution_counts(&hub->config)) return;
  if (before != NULL) {
    struct head_count *count = count_of(hub, before->node, true);
    if (count->rows > 0) count->rows--;
  }
  if (after == NULL) return;
  struct head_count *count = count_of(hub, after->node, true);
  count->rows++;
  if (before == NULL && count->sent > 0) count->sent--;
}

// --- the children of each candidate ---
struct crowd {
  struct hub *hub;
  uint64_t *has;  // by place
  uint32_t *pressure;
  uint64_t *full;  // no more than so many
  uint8_t *open;   // allowed, and not full
};

static void crowd_open(struct crowd *crowd, struct hub *hub) {
  const size_t count = hub->candidate_count + 1;
  *crowd =
      (struct crowd){hub, lh_zalloc(count * sizeof(uint64_t)), lh_zalloc(count * sizeof(uint32_t)),
                     lh_zalloc(count * sizeof(uint64_t)), lh_zalloc(count)};
  for (size_t i = 0; i < hub->candidate_count; i++)
    crowd->pressure[i] = lh_load_of(hub, hub->candidates[i].node);
}

static void crowd_close(struct crowd *crowd) {
  lh_free(crowd->has);
  lh_free(crowd->pressure);
  lh_free(crowd->full);
  lh_free(crowd->open);
}

static uint64_t fill_counts(struct crowd *crowd) {
  uint64_t total = 0;
  for (size_t i = 0; i < crowd->hub->candidate_count; i++) {
    const struct head_count *count = count_of(crowd->hub, crowd->hub->candidates[i].node, false);
    crowd->has[i] = count != NULL ? count->rows + count->sent : 0;
    total += crowd->has[i];
  }
  return total;
}

static void set_bounds(struct crowd *crowd, uint64_t total) {
  const struct hub *hub = crowd->hub;
  uint64_t weights = 0;
  for (size_t i = 0; i < hub->candidate_count; i++) weights += hub->candidates[i].weight;
  for (size_t i = 0; i < hub->candidate_count; i++) {
    const uint64_t weight = weights > 0 ? hub->candidates[i].weight : 1;
    const uint64_t of = (weights > 0 ? weights : hub->candidate_count) * LH_MEMBER_WEIGHT_ONE;
    crowd->full[i] = (total * hub->config.bound * weight + of - 1) / of;
  }
}

// The first by hash that has room. Where all that are allowed are full the wish goes before the
// bound.
static uint32_t with_room(struct crowd *crowd, uint64_t child, const uint8_t *allowed) {
  for (size_t i = 0; i < crowd->hub->candidate_count; i++)
    crowd->open[i] = (allowed == NULL || allowed[i]) && crowd->has[i] < crowd->full[i];
  const uint32_t place = lh_place_best(crowd->hub, child, crowd->open);
  return place != NOWHERE ? place : lh_place_best(crowd->hub, child, allowed);
}

// What a node carries for its weight, as a fraction.
struct burden {
  uint64_t load, weight;
};

static struct burden burden_of(const struct crowd *crowd, uint32_t place) {
  const struct hub *hub = crowd->hub;
  return (struct burden){(crowd->has[place] + 1) * (NO_PRESSURE + crowd->pressure[place]),
                         hub->seats.even ? 1 : hub->candidates[place].weight};
}

static uint32_t less_loaded(struct crowd *crowd, uint64_t child, const uint8_t *allowed) {
  const struct hub *hub = crowd->hub;
  const uint32_t first = lh_place_best(hub, child, allowed);
  for (size_t i = 0; i < hub->candidate_count; i++)
    crowd->open[i] = (allowed == NULL || allowed[i]) && i != first;
  const uint32_t second = lh_place_best(hub, child, crowd->open);
  if (second == NOWHERE) return first;
  const struct burden a = burden_of(crowd, first);
  const struct burden b = burden_of(crowd, second);
  return b.load * a.weight < a.load * b.weight ? second : first;
}

static uint32_t choose(struct crowd *crowd, uint64_t child, const uint8_t *allowed) {
  return crowd->hub->config.bound > 0 ? with_room(crowd, child, allowed)
                                      : less_loaded(crowd, child, allowed);
}

// --- children that run nowhere yet ---
void lh_crowd_guests(struct hub *hub, lh_ms now, const struct guest *guests, size_t count,
                     uint32_t *places) {
  struct crowd crowd;
  struct affinity *affinity = lh_affinity_new(hub);
  count_all(hub, now);
  crowd_open(&crowd, hub);
  set_bounds(&crowd, fill_counts(&crowd) + count);
  for (size_t i = 0; i < count; i++) {
    const uint64_t child = lh_place_hash(guests[i].id);
    const uint8_t *allowed = NULL;
    places[i] = NOWHERE;
    if (!lh_affinity_of(affinity, &guests[i], child, &allowed)) continue;
    places[i] = choose(&crowd, child, allowed);
    crowd.has[places[i]]++;
    count_of(hub, hub->candidates[places[i]].node, true)->sent++;
  }
  crowd_close(&crowd);
  lh_affinity_free(affinity);
}

// --- one plan for all rows ---
struct resident {
  uint64_t child;  // its hash
  const struct lh_row *row;
  uint32_t place;  // in the plan
  bool stays;
};
struct plan {
  struct resident *residents;
  size_t count, cap;
};

static bool gather(void *self, const struct lh_row *row) {
  struct plan *plan = self;
  if (plan->count == plan->cap) {
    plan->cap = plan->cap > 0 ? plan->cap * 2 : 256;
    plan->residents = lh_realloc(plan->residents, plan->cap * sizeof(struct resident));
  }
  plan->residents[plan->count++] =
      (struct resident){.child = lh_place_hash(lh_row_id(row)), .row = row, .place = NOWHERE};
  return true;
}

static int by_child(const void *a, const void *b) {
  const struct resident *x = a;
  const struct resident *y = b;
  if (x->child != y->child) return x->child < y->child ? -1 : 1;
  const int names = lh_bytes_compare(lh_row_id(x->row), lh_row_id(y->row));
  if (names != 0) return names;
  return x->row->generation > y->row->generation ? -1 : x->row->generation < y->row->generation;
}

// Of two rows of one child the older one goes, whatever is planned.
static void drop_twins(struct plan *plan) {
  size_t kept = 0;
  for (size_t i = 0; i < plan->count; i++) {
    const struct resident *last = kept > 0 ? &plan->residents[kept - 1] : NULL;
    if (last != NULL && last->child == plan->residents[i].child &&
        lh_bytes_equal(lh_row_id(last->row), lh_row_id(plan->residents[i].row)))
      continue;
    plan->residents[kept++] = plan->residents[i];
  }
  plan->count = kept;
}

static const uint8_t *allowed_of(struct affinity *affinity, const struct resident *resident,
                                 bool *somewhere) {
  const uint8_t *allowed = NULL;
  const struct guest guest = {lh_row_id(resident->row),
                              lh_affinity_stored(lh_row_spec(resident->row))};
  *somewhere = lh_affinity_of(affinity, &guest, resident->child, &allowed);
  return allowed;
}

// Those that are where the hash would have them stay while there is room; the others follow.
static void settle(struct crowd *crowd, struct plan *plan, struct affinity *affinity, bool first) {
  for (size_t i = 0; i < plan->count; i++) {
    struct resident *resident = &plan->residents[i];
    bool somewhere;
    if (resident->stays) continue;
    const uint8_t *allowed = allowed_of(affinity, resident, &somewhere);
    if (!somewhere) continue;
    const uint32_t best = first ? lh_place_best(crowd->hub, resident->child, allowed)
                                : with_room(crowd, resident->child, allowed);
    if (first && (lh_place_node(crowd->hub, best) != resident->row->node ||
                  crowd->has[best] >= crowd->full[best]))
      continue;
    resident->place = best;
    resident->stays = true;
    crowd->has[best]++;
  }
}

static uint32_t planned(const struct plan *plan, struct lh_bytes id) {
  const uint64_t child = lh_place_hash(id);
  size_t low = 0;
  size_t high = plan->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const struct resident *at = &plan->residents[middle];
    const bool before =
        at->child != child ? at->child < child : lh_bytes_compare(lh_row_id(at->row), id) < 0;
    if (before)
      low = middle + 1;
    else
      high = middle;
  }
  const bool found = low < plan->count && plan->residents[low].child == child &&
                     lh_bytes_equal(lh_row_id(plan->residents[low].row), id);
  return found ? plan->residents[low].place : NOWHERE;
}

struct dead_rows {
  uint32_t hub;
  struct plan *plan;
};

static bool gather_dead(void *self, const struct lh_row *row) {
  const struct dead_rows *dead = self;
  return row->hub != dead->hub || gather(dead->plan, row);
}

static void gather_all(struct hub *hub, struct plan *plan) {
  uint32_t nodes[LH_RUNS_MAX];
  struct dead_rows dead = {hub->index, plan};
  struct lh_registry *registry = hub->all->registry;
  lh_registry_scan(registry, hub->index, gather, plan);
  const size_t count = lh_registry_ledgers(registry, nodes, LH_RUNS_MAX, true);
  for (size_t i = 0; i < count; i++) lh_registry_each(registry, nodes[i], gather_dead, &dead);
  if (plan->count > 0) qsort(plan->residents, plan->count, sizeof(struct resident), by_child);
  drop_twins(plan);
}

void lh_crowd_plan(struct hub *hub, const struct guest *guests, size_t count, uint32_t *places) {
  struct plan plan = {0};
  struct crowd crowd;
  struct affinity *affinity = lh_affinity_new(hub);
  crowd_open(&crowd, hub);
  lh_registry_read_lock();
  gather_all(hub, &plan);
  set_bounds(&crowd, plan.count);
  settle(&crowd, &plan, affinity, true);
  settle(&crowd, &plan, affinity, false);
  for (size_t i = 0; i < count; i++) places[i] = planned(&plan, guests[i].id);
  lh_registry_read_unlock();
  lh_free(plan.residents);
  crowd_close(&crowd);
  lh_affinity_free(affinity);
}

void lh_crowd_free(struct hub *hub) { lh_free(hub->seats.counts); }
