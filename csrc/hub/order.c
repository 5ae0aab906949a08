// order.c - stop orders: when a stop must leave one behind, what one does to children here, who
// keeps it, and when it may go.
//
// A stop that reaches the child's host is done when the host has done it, unless somebody who is
// away may know the child and bring it back: then the host leaves an order in its ledger. A stop
// that cannot reach the host leaves one in the ledger of the node that was asked (stop.c). What was
// stopped here is remembered until every member is known to have heard of it (lately.c), and
// whoever asked for it remembers it for a while in case its host dies (asked.c), so that one that
// dies before, or is cut off, gets an order, too.
//
// An order about `id` up to `born` ends every instance of the child that was started with that
// generation or before, whatever restarts, moves and recoveries made of it since; a later start has
// a higher one. When its author dies, the first member of the hub takes the order over. It goes
// when nobody who is away can know the child, all members hold the order, no ledger names the child
// any more, and it is at least LH_ORDER_LOOK_MS old.
#include "hub/internal.h"

#include "base/mem.h"

enum { ROWS_AT_ONCE = 64, REMOVED_AT_ONCE = 4096 };

uint64_t lh_order_born(const struct hub *hub, struct lh_bytes id) {
  const struct lh_row *rows[ROWS_AT_ONCE];
  uint64_t born = 0;
  lh_registry_read_lock();
  const size_t count = lh_registry_all(hub->all->registry, hub->index, id, rows, ROWS_AT_ONCE);
  for (size_t i = 0; i < count && i < ROWS_AT_ONCE; i++) {
    if (rows[i]->born > born) born = rows[i]->born;
  }
  lh_registry_read_unlock();
  return born;
}

uint64_t lh_order_oldest(const struct hub *hub, struct lh_bytes id, uint64_t ended) {
  const struct lh_row *rows[ROWS_AT_ONCE];
  uint64_t born = 0;
  if (lh_registry_is_plain(hub->all->registry)) return 0;
  uint64_t ordered = lh_registry_ordered(hub->all->registry, hub->index, id);
  if (ordered < ended) ordered = ended;
  lh_registry_read_lock();
  const size_t count = lh_registry_all(hub->all->registry, hub->index, id, rows, ROWS_AT_ONCE);
  for (size_t i = 0; i < count && i < ROWS_AT_ONCE; i++) {
    if (rows[i]->born > ordered && (born == 0 || rows[i]->born < born)) born = rows[i]->born;
  }
  lh_registry_read_unlock();
  return born;
}

bool lh_order_names(const struct hub *hub, struct lh_bytes id, uint64_t born) {
  const struct lh_row *rows[ROWS_AT_ONCE];
  bool named = false;
  lh_registry_read_lock();
  const size_t count = lh_registry_all(hub->all->registry, hub->index, id, rows, ROWS_AT_ONCE);
  for (size_t i = 0; i < count && i < ROWS_AT_ONCE; i++) named = named || rows[i]->born <= born;
  lh_registry_read_unlock();
  return named || count > ROWS_AT_ONCE;
}

uint64_t lh_order_write(struct hub *hub, struct lh_bytes id, uint64_t born) {
  struct lh_hubs *hubs = hub->all;
  hubs->counters.orders++;
  if (hubs->orders_at == LH_NEVER) hubs->orders_at = 0;
  return lh_registry_order(hubs->registry, hub->index, id, born);
}

bool lh_order_covers(const struct hub *hub, struct lh_bytes id, uint64_t born) {
  const uint64_t ordered = lh_registry_ordered(hub->all->registry, hub->index, id);
  return ordered > 0 && born <= ordered;
}

// --- writing one ---
// Whether some copy of a dead ledger may hold the child still, here or with a member.
static bool is_unsettled(struct lh_hubs *hubs) {
  uint32_t dead;
  if (!hubs->view.agreed || !hubs->view.settled || lh_recover_pending(hubs) ||
      lh_registry_ledgers(hubs->registry, &dead, 1, true) > 0)
    return true;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    for (size_t k = 0; k < peer->frozen_count; k++) {
      if (peer->frozen[k].has_rows) return true;
    }
  }
  return false;
}

void lh_order_stopped(struct child *child) {
  struct hub *hub = child->hub;
  const struct lh_bytes id = lh_bytes(child->id, child->id_len);
  if (lh_order_covers(hub, id, child->born)) return;
  if (child->born <= lh_away_knows(hub) || is_unsettled(hub->all))
    (void)lh_order_write(hub, id, child->born);
  else if (hub->all->view.count > 1)
    lh_lately_add(hub->all, child);
}

void lh_order_new_epoch(struct lh_hubs *hubs) {
  lh_lately_all(hubs);
  lh_asked_all(hubs);
  hubs->orders_seq = hubs->orders_next = 0;
}

// --- orders that come ---
struct taking {
  struct lh_hubs *hubs;
  bool anyway;
};

static bool take(void *self, const struct lh_row *row) {
  const struct taking *taking = self;
  struct hub *hub = lh_hub_at(taking->hubs, row->hub);
  if (hub == NULL || !(taking->anyway || lh_recover_is_first(hub))) return true;
  (void)lh_order_write(hub, lh_row_id(row), row->born);
  return true;
}

void lh_order_take_over(struct lh_hubs *hubs, uint32_t ledger, bool anyway) {
  struct taking taking = {hubs, anyway};
  lh_registry_read_lock();
  lh_registry_each_order(hubs->registry, ledger, take, &taking);
  lh_registry_read_unlock();
}

// --- orders of ours that may go ---
struct look {
  struct lh_hubs *hubs;
  size_t removed;
};

static bool look_at(void *self, const struct lh_row *row) {
  struct look *look = self;
  struct lh_hubs *hubs = look->hubs;
  const struct hub *hub = lh_hub_at(hubs, row->hub);
  if (row->seq > hubs->orders_seq || look->removed == REMOVED_AT_ONCE) return false;
  if (hub != NULL &&
      (row->born <= lh_away_knows(hub) || lh_order_names(hub, lh_row_id(row), row->born)))
    return true;
  look->removed++;
  (void)lh_registry_order_remove(hubs->registry, row->hub, lh_row_id(row));
  return true;
}

static bool may_look(struct lh_hubs *hubs) {
  const bool calm = !hubs->view.capped && !is_unsettled(hubs);
  if (hubs->orders_seq == 0) return true;  // nothing is old enough
  return calm && lh_held_by_all(hubs, hubs->orders_seq) &&
         lh_held_by_each(hubs) >= hubs->orders_seq;
}

static void look_at_ours(struct lh_hubs *hubs) {
  struct look look = {.hubs = hubs};
  if (!may_look(hubs)) return;
  lh_registry_read_lock();
  lh_registry_each_order(hubs->registry, hubs->self, look_at, &look);
  lh_registry_read_unlock();
  hubs->orders_seq = hubs->orders_next;
  hubs->orders_next = lh_registry_seq(hubs->registry, hubs->self);
  (void)lh_held_by_all(hubs, hubs->orders_seq);  // for the next look
}

void lh_order_tick(struct lh_hubs *hubs, lh_ms now) {
  if (now < hubs->orders_at) return;
  look_at_ours(hubs);
  hubs->orders_at =
      lh_registry_orders(hubs->registry, hubs->self) > 0 ? now + LH_ORDER_LOOK_MS : LH_NEVER;
}
