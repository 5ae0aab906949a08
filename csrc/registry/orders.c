// orders.c - stop orders: the rows that say of a child that it is stopped, and what they do to the
// rows of that child.
//
// An order lies in a list of its ledger and in the index under a hub that no read names. Rows
// that it is about are gone from frozen ledgers and hidden in live ones; they are seen again when
// the last order about them goes. A frozen order goes when a live ledger holds one that reaches as
// far. Protocol thread; owns nothing: entries belong to their ledger.
#include "registry/internal.h"
#include "base/mem.h"

static struct lh_key child_of(const struct lh_entry *entry) {
  return (struct lh_key){lh_entry_hub(entry), lh_row_id(&entry->row)};
}
static struct lh_key orders_of(struct lh_key child) {
  return (struct lh_key){child.hub | LH_ORDER_BIT, child.id};
}

// --- which entries an order is about ---
static bool is_frozen(const struct lh_registry *registry, const struct lh_entry *entry,
                      uint64_t born) {
  return entry->row.born <= born && lh_node_is_skipped(registry, entry->row.node);
}

static bool is_seen(const struct lh_registry *registry, const struct lh_entry *entry,
                    uint64_t born) {
  return entry->row.born <= born && !lh_entry_is_skipped(registry, &entry->row);
}

static bool is_hidden_above(const struct lh_registry *registry, const struct lh_entry *entry,
                            uint64_t born) {
  (void)registry;
  return entry->row.born > born && atomic_load_explicit(&entry->hidden, memory_order_relaxed);
}

bool lh_orders_end(const struct lh_registry *registry, const struct lh_entry *entry) {
  if (registry->orders == 0) return false;
  const uint64_t ordered = lh_index_ordered(registry, orders_of(child_of(entry)), false);
  return ordered > 0 && ordered >= entry->row.born;
}

static void take_effect(struct lh_registry *registry, const struct lh_entry *order) {
  const struct lh_key key = child_of(order);
  struct lh_entry *entry;
  if (LH_PLANTED(order_spares_the_dead)) return;
  while ((entry = lh_index_some(registry, key, is_frozen, order->row.born)) != NULL)
    lh_ledger_cover(registry, entry);
  while ((entry = lh_index_some(registry, key, is_seen, order->row.born)) != NULL)
    lh_ledger_hide(registry, entry, true);
}

void lh_orders_live(struct lh_registry *registry, struct lh_entry *order) {
  const struct lh_key key = child_of(order);
  struct lh_entry *entry;
  while ((entry = lh_index_some(registry, orders_of(key), is_frozen, order->row.born)) != NULL)
    lh_ledger_cover(registry, entry);
  if (!registry->quiet)
    registry->ops->ordered(registry->ops_self, key.hub, key.id, order->row.born);
}

void lh_orders_frozen(struct lh_registry *registry, struct lh_entry *order) {
  if (lh_index_ordered(registry, orders_of(child_of(order)), true) >= order->row.born)
    lh_ledger_cover(registry, order);
}

void lh_orders_put(struct lh_registry *registry, struct lh_ledger *ledger, struct lh_entry *entry) {
  const uint32_t hub = lh_entry_hub(entry);
  struct lh_entry *old = lh_index_put(registry, entry);
  if (old != NULL) {
    lh_list_remove(&old->order);
    ledger->bytes -= lh_entry_bytes(old);
    lh_entry_retire(old);
  } else {
    ledger->order_count++;
    registry->orders++;
  }
  lh_list_push(&ledger->orders, &entry->order);
  ledger->bytes += lh_entry_bytes(entry);
  if (entry->row.born > registry->generations[hub]) registry->generations[hub] = entry->row.born;
  take_effect(registry, entry);
  (ledger->frozen ? lh_orders_frozen : lh_orders_live)(registry, entry);
}

void lh_orders_removed(struct lh_registry *registry, const struct lh_entry *order) {
  const struct lh_key key = child_of(order);
  const uint64_t left = lh_index_ordered(registry, orders_of(key), false);
  struct lh_entry *entry;
  registry->orders--;
  if (registry->ending) return;
  while ((entry = lh_index_some(registry, key, is_hidden_above, left)) != NULL)
    lh_ledger_hide(registry, entry, false);
}

// --- ours ---
static struct lh_entry *own_order(const struct lh_registry *registry, uint32_t hub,
                                  struct lh_bytes id) {
  return lh_index_row(registry, registry->self_node, orders_of((struct lh_key){hub, id}));
}

static void drop_oldest(struct lh_registry *registry) {
  const struct lh_entry *oldest = LH_ENTRY(registry->own->orders.next, struct lh_entry, order);
  registry->counters.orders_dropped++;
  (void)lh_registry_order_remove(registry, lh_entry_hub(oldest), lh_row_id(&oldest->row));
}

uint64_t lh_registry_order(struct lh_registry *registry, uint32_t hub, struct lh_bytes id,
                           uint64_t born) {
  struct lh_ledger *own = registry->own;
  const struct lh_row_in in = {
      .hub = hub | LH_ORDER_BIT, .id = id, .born = born, .state = LH_ROW_ORDER};
  if (hub == 0 || hub > atomic_load_explicit(&registry->hub_count, memory_order_relaxed)) return 0;
  if (id.len == 0 || id.len > LH_CHILD_ID_MAX || born == 0 || born > LH_GENERATION_MAX) return 0;
  const struct lh_entry *old = own_order(registry, hub, id);
  if (old != NULL && old->row.born >= born) return old->row.seq;
  if (old == NULL && own->order_count >= LH_ORDERS_MAX) drop_oldest(registry);
  if (own->seq >= LH_SEQ_MAX) return 0;
  struct lh_entry *entry = lh_entry_new(own->node, own->seq + 1, &in, lh_bytes(NULL, 0));
  if (entry == NULL) return 0;
  own->seq++;
  lh_journal_order(registry, hub, id, born);
  lh_ledger_put(registry, own, entry);
  return own->seq;
}

uint64_t lh_registry_order_remove(struct lh_registry *registry, uint32_t hub, struct lh_bytes id) {
  struct lh_entry *entry = own_order(registry, hub, id);
  if (entry == NULL) return 0;
  registry->own->seq++;
  lh_journal_order(registry, hub, id, 0);
  lh_ledger_remove(registry, registry->own, entry);
  return registry->own->seq;
}

// --- asking ---
uint64_t lh_registry_ordered(const struct lh_registry *registry, uint32_t hub, struct lh_bytes id) {
  if (registry->orders == 0) return 0;
  return lh_index_ordered(registry, orders_of((struct lh_key){hub, id}), false);
}

void lh_registry_each_order(struct lh_registry *registry, uint32_t node,
                            bool (*fn)(void *self, const struct lh_row *row), void *self) {
  const struct lh_ledger *ledger = lh_ledger_get(registry, node);
  if (ledger == NULL) return;
  for (const struct lh_list *link = ledger->orders.next, *next; link != &ledger->orders;
       link = next) {
    const struct lh_entry *entry = LH_ENTRY(link, struct lh_entry, order);
    next = link->next;
    struct lh_row row = entry->row;
    row.hub = (uint16_t)lh_entry_hub(entry);
    if (!fn(self, &row)) return;
  }
}

size_t lh_registry_orders(const struct lh_registry *registry, uint32_t node) {
  const struct lh_ledger *ledger = lh_ledger_get(registry, node);
  return ledger != NULL ? ledger->order_count : 0;
}

bool lh_registry_is_plain(const struct lh_registry *registry) {
  return registry->orders == 0 && registry->frozen_rows == 0;
}
