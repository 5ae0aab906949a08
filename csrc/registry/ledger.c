// ledger.c - ledgers: the rows of one run in order of sequence, freezing, and the covering of
// frozen rows.
#include "registry/internal.h"
#include "base/mem.h"

struct lh_ledger *lh_ledger_get(const struct lh_registry *registry, uint32_t node) {
  return node < registry->node_cap ? registry->by_node[node] : NULL;
}

static int compare_runs(const struct lh_run *a, const struct lh_run *b) {
  const int by_id = lh_node_id_compare(&a->id, &b->id);
  if (by_id != 0) return by_id;
  return a->epoch < b->epoch ? -1 : a->epoch > b->epoch;
}

// Where the ledger of `run` is in the sorted array, or would be put.
static size_t place_of(const struct lh_registry *registry, const struct lh_run *run) {
  size_t low = 0;
  size_t high = registry->ledger_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (compare_runs(&registry->ledgers[middle]->run, run) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct lh_ledger *lh_ledger_of_run(const struct lh_registry *registry, const struct lh_run *run) {
  const size_t place = place_of(registry, run);
  if (place == registry->ledger_count) return NULL;
  struct lh_ledger *ledger = registry->ledgers[place];
  return lh_run_equal(&ledger->run, run) ? ledger : NULL;
}

static void make_room(struct lh_registry *registry, uint32_t node) {
  if (node >= registry->node_cap) {
    const uint32_t cap = node < 32 ? 64 : node * 2;
    registry->by_node = lh_realloc(registry->by_node, cap * sizeof(struct lh_ledger *));
    memset(registry->by_node + registry->node_cap, 0,
           (cap - registry->node_cap) * sizeof(struct lh_ledger *));
    registry->node_cap = cap;
  }
  if (registry->ledger_count == registry->ledger_cap) {
    registry->ledger_cap = registry->ledger_cap > 0 ? registry->ledger_cap * 2 : 16;
    registry->ledgers =
        lh_realloc(registry->ledgers, registry->ledger_cap * sizeof(struct lh_ledger *));
  }
}

struct lh_ledger *lh_ledger_open(struct lh_registry *registry, uint32_t node) {
  struct lh_ledger *ledger = lh_ledger_get(registry, node);
  if (ledger != NULL) return ledger;
  make_room(registry, node);
  ledger = LH_NEW(struct lh_ledger);
  ledger->node = node;
  ledger->run = *lh_runs_at(registry->runs, node);
  ledger->in_step = true;
  lh_list_init(&ledger->rows);
  lh_list_init(&ledger->orders);
  const size_t place = place_of(registry, &ledger->run);
  struct lh_ledger **at = registry->ledgers + place;
  memmove(at + 1, at, (registry->ledger_count - place) * sizeof(struct lh_ledger *));
  *at = ledger;
  registry->ledger_count++;
  registry->by_node[node] = ledger;
  return ledger;
}

static void tell(const struct lh_registry *registry, const struct lh_ledger *ledger,
                 const struct lh_entry *before, const struct lh_entry *after) {
  if (ledger->frozen || registry->quiet || registry->ending) return;
  // A snapshot brings rows that the copy had already.
  if (before != NULL && after != NULL && before->row.seq == after->row.seq) return;
  registry->ops->row_changed(registry->ops_self, before != NULL ? &before->row : NULL,
                             after != NULL ? &after->row : NULL);
}

static void count_row(struct lh_registry *registry, struct lh_ledger *ledger, uint32_t hub) {
  if (hub >= ledger->hub_cap) {
    const uint32_t cap = hub < 8 ? 8 : hub * 2;
    ledger->hub_rows = lh_realloc(ledger->hub_rows, cap * sizeof(uint32_t));
    memset(ledger->hub_rows + ledger->hub_cap, 0, (cap - ledger->hub_cap) * sizeof(uint32_t));
    ledger->hub_cap = cap;
  }
  ledger->hub_rows[hub]++;
  ledger->count++;
  if (ledger->frozen) registry->frozen_rows++;
}

static void uncount_row(struct lh_registry *registry, struct lh_ledger *ledger, uint32_t hub) {
  ledger->hub_rows[hub]--;
  ledger->count--;
  if (ledger->frozen) registry->frozen_rows--;
}

static bool is_hidden(const struct lh_entry *entry) {
  return atomic_load_explicit(&entry->hidden, memory_order_relaxed);
}

// Whether reads show a row is what the hub's count follows.
static void see(struct lh_registry *registry, const struct lh_ledger *ledger,
                const struct lh_entry *entry) {
  if (!ledger->frozen && !is_hidden(entry))
    atomic_fetch_add_explicit(&registry->hub_live[entry->row.hub], 1, memory_order_relaxed);
}
static void unsee(struct lh_registry *registry, const struct lh_ledger *ledger,
                  const struct lh_entry *entry) {
  if (!ledger->frozen && !is_hidden(entry))
    atomic_fetch_sub_explicit(&registry->hub_live[entry->row.hub], 1, memory_order_relaxed);
}

void lh_ledger_hide(struct lh_registry *registry, struct lh_entry *entry, bool hidden) {
  const struct lh_ledger *ledger = lh_ledger_get(registry, entry->row.node);
  unsee(registry, ledger, entry);
  atomic_store_explicit(&entry->hidden, hidden, memory_order_release);
  see(registry, ledger, entry);
}

static struct lh_key key_of(const struct lh_entry *entry) {
  return (struct lh_key){entry->row.hub, lh_row_id(&entry->row)};
}

void lh_ledger_remove(struct lh_registry *registry, struct lh_ledger *ledger,
                      struct lh_entry *entry) {
  lh_index_remove(registry, entry);
  lh_list_remove(&entry->order);
  ledger->bytes -= lh_entry_bytes(entry);
  if (lh_entry_is_order(entry)) {
    ledger->order_count--;
    lh_orders_removed(registry, entry);
  } else {
    uncount_row(registry, ledger, entry->row.hub);
    unsee(registry, ledger, entry);
    tell(registry, ledger, entry, NULL);
  }
  if (registry->ending)
    lh_row_unref(&entry->row);  // nobody reads any more
  else
    lh_entry_retire(entry);
}

// A frozen row is needed no more. Its ledger is then no true copy: a refuted death asks for it
// whole.
void lh_ledger_cover(struct lh_registry *registry, struct lh_entry *frozen) {
  struct lh_ledger *ledger = lh_ledger_get(registry, frozen->row.node);
  ledger->whole = true;
  lh_ledger_remove(registry, ledger, frozen);
}

static bool is_frozen_below(const struct lh_registry *registry, const struct lh_entry *entry,
                            uint64_t generation) {
  return entry->row.generation < generation && lh_node_is_skipped(registry, entry->row.node);
}

static void cover_what_it_outlives(struct lh_registry *registry, const struct lh_entry *live) {
  while (registry->frozen_rows > 0 && !is_hidden(live)) {
    struct lh_entry *frozen =
        lh_index_some(registry, key_of(live), is_frozen_below, live->row.generation);
    if (frozen == NULL) return;
    lh_ledger_cover(registry, frozen);
  }
}

static void cover_if_done(struct lh_registry *registry, struct lh_entry *frozen) {
  if (lh_orders_end(registry, frozen) ||
      lh_index_live_generation(registry, key_of(frozen)) > frozen->row.generation)
    lh_ledger_cover(registry, frozen);
}

void lh_ledger_put(struct lh_registry *registry, struct lh_ledger *ledger, struct lh_entry *entry) {
  if (lh_entry_is_order(entry)) {
    lh_orders_put(registry, ledger, entry);
    return;
  }
  if (!ledger->frozen && lh_orders_end(registry, entry))
    atomic_store_explicit(&entry->hidden, true, memory_order_relaxed);
  struct lh_entry *old = lh_index_put(registry, entry);
  see(registry, ledger, entry);
  if (old != NULL) {
    unsee(registry, ledger, old);
    lh_list_remove(&old->order);
    ledger->bytes -= lh_entry_bytes(old);
  } else {
    count_row(registry, ledger, entry->row.hub);
  }
  lh_list_push(&ledger->rows, &entry->order);
  ledger->bytes += lh_entry_bytes(entry);
  uint64_t *highest = &registry->generations[entry->row.hub];
  if (entry->row.generation > *highest) *highest = entry->row.generation;
  tell(registry, ledger, old, entry);
  if (old != NULL) lh_entry_retire(old);
  if (ledger->frozen)
    cover_if_done(registry, entry);
  else
    cover_what_it_outlives(registry, entry);
}

void lh_ledger_unstage(struct lh_ledger *ledger) {
  if (ledger->staging == NULL) return;
  struct lh_list *link;
  while ((link = lh_list_pop(&ledger->staging->rows)) != NULL) {
    lh_entry_free(LH_ENTRY(link, struct lh_entry, order));
  }
  lh_free(ledger->staging);
  ledger->staging = NULL;
}

void lh_ledger_forget(struct lh_registry *registry, struct lh_ledger *ledger) {
  lh_ledger_unstage(ledger);
  while (!lh_list_empty(&ledger->orders))
    lh_ledger_remove(registry, ledger, LH_ENTRY(ledger->orders.next, struct lh_entry, order));
  while (!lh_list_empty(&ledger->rows))
    lh_ledger_remove(registry, ledger, LH_ENTRY(ledger->rows.next, struct lh_entry, order));
  struct lh_ledger **at = registry->ledgers + place_of(registry, &ledger->run);
  registry->ledger_count--;
  memmove(at, at + 1,
          (size_t)(registry->ledgers + registry->ledger_count - at) * sizeof(struct lh_ledger *));
  registry->by_node[ledger->node] = NULL;
  atomic_store_explicit(&registry->skipped[ledger->node], false, memory_order_release);
  lh_free(ledger->hub_rows);
  lh_free(ledger);
}

uint64_t lh_ledger_known(const struct lh_registry *registry, const struct lh_ledger *ledger,
                         struct lh_chain *chain) {
  const bool ours = ledger == registry->own;
  *chain = ours ? registry->journal.flushed_chain : ledger->chain;
  return ours ? registry->journal.flushed_seq : ledger->seq;
}

static void each_entry(struct lh_registry *registry, const struct lh_list *list,
                       void (*act)(struct lh_registry *registry, struct lh_entry *entry)) {
  for (struct lh_list *link = list->next, *next; link != list; link = next) {
    next = link->next;
    act(registry, LH_ENTRY(link, struct lh_entry, order));
  }
}

static void unhide(struct lh_registry *registry, struct lh_entry *entry) {
  if (is_hidden(entry)) lh_ledger_hide(registry, entry, false);
}

// Moves the ledger's rows between what reads see and what they pass over. None of them is hidden.
static void set_frozen(struct lh_registry *registry, struct lh_ledger *ledger, bool frozen) {
  ledger->frozen = frozen;
  atomic_store_explicit(&registry->skipped[ledger->node], frozen, memory_order_release);
  for (uint32_t hub = 0; hub < ledger->hub_cap; hub++) {
    if (ledger->hub_rows[hub] == 0) continue;
    if (frozen)
      atomic_fetch_sub(&registry->hub_live[hub], ledger->hub_rows[hub]);
    else
      atomic_fetch_add(&registry->hub_live[hub], ledger->hub_rows[hub]);
  }
  if (frozen)
    registry->frozen_rows += ledger->count;
  else
    registry->frozen_rows -= ledger->count;
}

void lh_registry_freeze(struct lh_registry *registry, uint32_t node) {
  if (node == registry->self_node || lh_runs_at(registry->runs, node) == NULL) return;
  struct lh_ledger *ledger = lh_ledger_open(registry, node);
  if (ledger->frozen) return;
  lh_ledger_unstage(ledger);
  ledger->handled = ledger->whole ? 0 : ledger->seq;
  if (registry->orders > 0) each_entry(registry, &ledger->rows, unhide);
  set_frozen(registry, ledger, true);
  if (registry->ops->turned != NULL) registry->ops->turned(registry->ops_self, node, false);
  each_entry(registry, &ledger->orders, lh_orders_frozen);
  each_entry(registry, &ledger->rows, cover_if_done);
}

static void cover_by(struct lh_registry *registry, struct lh_entry *live) {
  cover_what_it_outlives(registry, live);
}

void lh_registry_thaw(struct lh_registry *registry, uint32_t node) {
  struct lh_ledger *ledger = lh_ledger_get(registry, node);
  if (ledger == NULL || !ledger->frozen) return;
  lh_ledger_unstage(ledger);
  ledger->fetch_from = 0;
  if (ledger->doubted) ledger->seq++;
  ledger->doubted = false;
  set_frozen(registry, ledger, false);
  each_entry(registry, &ledger->rows, cover_by);
  each_entry(registry, &ledger->orders, lh_orders_live);
  if (registry->ops->turned != NULL) registry->ops->turned(registry->ops_self, node, true);
  ledger->in_step = true;
  lh_sync_ask(registry, ledger);  // what it said while it was frozen was refused
}

void lh_registry_drop(struct lh_registry *registry, uint32_t node) {
  struct lh_ledger *ledger = lh_ledger_get(registry, node);
  if (ledger == NULL || ledger == registry->own) return;
  registry->counters.dropped++;
  lh_ledger_forget(registry, ledger);
}

bool lh_registry_cover(struct lh_registry *registry, uint32_t node, uint32_t hub,
                       struct lh_bytes id) {
  if (!lh_registry_is_frozen(registry, node)) return false;
  struct lh_entry *entry = lh_index_row(registry, node, (struct lh_key){hub, id});
  if (entry != NULL) lh_ledger_cover(registry, entry);
  return entry != NULL;
}

static void doubt(struct lh_ledger *ledger) {
  if (ledger->seq == 0 || ledger->doubted) return;
  ledger->seq--;
  ledger->doubted = true;
}

void lh_registry_reopen(struct lh_registry *registry) {
  for (size_t i = registry->ledger_count; i > 0; i--) {
    struct lh_ledger *ledger = registry->ledgers[i - 1];
    if (!ledger->frozen) continue;
    ledger->handled = 0;
    if (ledger->count > 0) continue;
    lh_ledger_unstage(ledger);
    ledger->fetch_from = 0;
    doubt(ledger);
  }
}

void lh_registry_freeze_old(struct lh_registry *registry, uint32_t node) {
  lh_registry_freeze(registry, node);
  struct lh_ledger *ledger = lh_ledger_get(registry, node);
  if (ledger == NULL || !ledger->frozen) return;
  ledger->handled = 0;
  doubt(ledger);
}

bool lh_registry_is_frozen(const struct lh_registry *registry, uint32_t node) {
  const struct lh_ledger *ledger = lh_ledger_get(registry, node);
  return ledger != NULL && ledger->frozen;
}

bool lh_registry_is_whole(const struct lh_registry *registry, uint32_t node) {
  const struct lh_ledger *ledger = lh_ledger_get(registry, node);
  return ledger != NULL && !ledger->whole;
}

size_t lh_registry_ledgers(const struct lh_registry *registry, uint32_t *nodes, size_t max,
                           bool frozen) {
  size_t count = 0;
  for (size_t i = 0; i < registry->ledger_count; i++) {
    const struct lh_ledger *ledger = registry->ledgers[i];
    if (ledger->frozen != frozen || (frozen && ledger->count + ledger->order_count == 0)) continue;
    if (count < max) nodes[count] = ledger->node;
    count++;
  }
  return count;
}

void lh_registry_each(struct lh_registry *registry, uint32_t node,
                      bool (*fn)(void *self, const struct lh_row *row), void *self) {
  struct lh_ledger *ledger = lh_ledger_get(registry, node);
  if (ledger == NULL) return;
  for (struct lh_list *link = ledger->rows.next, *next; link != &ledger->rows; link = next) {
    next = link->next;
    if (!fn(self, &LH_ENTRY(link, struct lh_entry, order)->row)) return;
  }
}

size_t lh_registry_count(const struct lh_registry *registry, uint32_t node) {
  const struct lh_ledger *ledger = lh_ledger_get(registry, node);
  return ledger != NULL ? ledger->count : 0;
}

uint64_t lh_registry_seq(const struct lh_registry *registry, uint32_t node) {
  const struct lh_ledger *ledger = lh_ledger_get(registry, node);
  return ledger != NULL ? ledger->seq : 0;
}
