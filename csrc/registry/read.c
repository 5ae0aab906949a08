// read.c - reads that any registered thread makes, without a lock.
#include "registry/internal.h"

void lh_registry_thread_enter(void) { lh_shared_enter(); }
void lh_registry_thread_leave(void) { lh_shared_leave(); }
void lh_registry_read_lock(void) { lh_shared_lock(); }
void lh_registry_read_unlock(void) { lh_shared_unlock(); }

const char *lh_row_state_name(uint8_t state) {
  static const char *const names[] = {"?",      "starting", "running", "restarting",
                                      "moving", "moving",   "parked"};
  return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

// Whether `a` goes before `b` among the instances of a child.
static bool is_better(const struct lh_registry *registry, const struct lh_row *a,
                      const struct lh_row *b) {
  if (a->active != b->active) return a->active;
  if (a->generation != b->generation) return a->generation > b->generation;
  const struct lh_run *left = lh_runs_at(registry->runs, a->node);
  const struct lh_run *right = lh_runs_at(registry->runs, b->node);
  const int order = lh_node_id_compare(&left->id, &right->id);
  return order != 0 ? order < 0 : left->epoch > right->epoch;
}

// Keeps the best `max` of what it is shown, in order.
static void insert(const struct lh_registry *registry, const struct lh_row **rows, size_t count,
                   size_t max, const struct lh_row *row) {
  size_t place = count < max ? count : max;
  while (place > 0 && is_better(registry, row, rows[place - 1])) {
    if (place < max) rows[place] = rows[place - 1];
    place--;
  }
  if (place < max) rows[place] = row;
}

size_t lh_registry_find(const struct lh_registry *registry, uint32_t hub, struct lh_bytes id,
                        const struct lh_row **rows, size_t max) {
  const struct lh_key key = {hub, id};
  struct cds_lfht_iter at;
  size_t count = 0;
  struct cds_lfht_node *link =
      lh_shared_find(registry->index, lh_index_hash(registry, key), lh_index_match, &key, &at);
  for (; link != NULL; link = lh_shared_find_next(registry->index, lh_index_match, &key, &at)) {
    const struct lh_row *row = &lh_index_entry(link)->row;
    if (lh_entry_is_skipped(registry, row)) continue;
    insert(registry, rows, count, max, row);
    count++;
  }
  return count;
}

size_t lh_registry_all(const struct lh_registry *registry, uint32_t hub, struct lh_bytes id,
                       const struct lh_row **rows, size_t max) {
  const struct lh_key key = {hub, id};
  struct cds_lfht_iter at;
  size_t count = 0;
  struct cds_lfht_node *link =
      lh_shared_find(registry->index, lh_index_hash(registry, key), lh_index_match, &key, &at);
  for (; link != NULL; link = lh_shared_find_next(registry->index, lh_index_match, &key, &at)) {
    if (count < max) rows[count] = &lh_index_entry(link)->row;
    count++;
  }
  return count;
}

const struct lh_row *lh_registry_own(const struct lh_registry *registry, uint32_t hub,
                                     struct lh_bytes id) {
  const struct lh_entry *entry =
      lh_index_row(registry, registry->self_node, (struct lh_key){hub, id});
  return entry != NULL ? &entry->row : NULL;
}

lh_pid lh_registry_pid(const struct lh_registry *registry, uint32_t hub, struct lh_bytes id) {
  const struct lh_key key = {hub, id};
  const uint64_t hash = lh_index_hash(registry, key);
  const struct lh_row *best = NULL;
  struct cds_lfht_iter at;
  lh_shared_lock();
  struct cds_lfht_node *link = lh_shared_find(registry->index, hash, lh_index_match, &key, &at);
  for (; link != NULL; link = lh_shared_find_next(registry->index, lh_index_match, &key, &at)) {
    const struct lh_row *row = &lh_index_entry(link)->row;
    if (row->state != LH_ROW_RUNNING || row->pid == 0 || lh_entry_is_skipped(registry, row))
      continue;
    if (best == NULL || is_better(registry, row, best)) best = row;
  }
  const lh_pid pid = best != NULL ? best->pid : 0;
  lh_shared_unlock();
  return pid;
}

size_t lh_registry_children(const struct lh_registry *registry, uint32_t hub) {
  if (hub > LH_HUBS_MAX) return 0;
  return atomic_load_explicit(&registry->hub_live[hub], memory_order_relaxed);
}

void lh_registry_scan(const struct lh_registry *registry, uint32_t hub,
                      bool (*fn)(void *self, const struct lh_row *row), void *self) {
  struct cds_lfht_iter at;
  lh_shared_lock();
  struct cds_lfht_node *link = lh_shared_first(registry->index, &at);
  for (; link != NULL; link = lh_shared_next(registry->index, &at)) {
    const struct lh_row *row = &lh_index_entry(link)->row;
    if (row->hub != hub || lh_entry_is_skipped(registry, row)) continue;
    if (!fn(self, row)) break;
  }
  lh_shared_unlock();
}

static bool scan_chain(const struct lh_registry *registry, const struct lh_key *key, uint32_t chain,
                       bool (*fn)(void *self, const struct lh_row *row), void *self) {
  struct cds_lfht_iter at;
  const uint64_t hash = lh_index_tag_hash(registry, *key, chain);
  struct cds_lfht_node *link = lh_shared_find(registry->tags, hash, lh_index_match_tag, key, &at);
  for (; link != NULL; link = lh_shared_find_next(registry->tags, lh_index_match_tag, key, &at)) {
    const struct lh_row *row = &LH_ENTRY(link, struct lh_tag, link)->entry->row;
    if (!lh_entry_is_skipped(registry, row) && !fn(self, row)) return false;
  }
  return true;
}

void lh_registry_scan_tag(const struct lh_registry *registry, uint32_t hub, struct lh_bytes tag,
                          bool (*fn)(void *self, const struct lh_row *row), void *self) {
  const struct lh_key key = {hub, tag};
  bool more = true;
  lh_shared_lock();
  const uint32_t chains = atomic_load_explicit(&registry->tag_chains, memory_order_acquire);
  for (uint32_t i = 0; i < chains && more; i++) more = scan_chain(registry, &key, i, fn, self);
  lh_shared_unlock();
}
