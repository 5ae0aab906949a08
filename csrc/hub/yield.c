// yield.c - a node that was taken for dead gives up what the others took over.
//
// They fenced its ledger at a sequence and placed, or stopped, everything it held up to there:
// those children end here, also the ones that were stopped since. What this node wrote later (a
// start on its side of a split) stays and is published again in the new epoch; of what runs twice
// then, the higher generation stays.
//
// The rows of what ends stay in the old ledger until the new epoch is begun, which may take long
// (it must be on disk before): only one of the others may have taken over, and those that had not
// find in them what they have to.
#include "hub/dropped.h"
#include "hub/internal.h"

static bool was_taken(struct child *child, uint64_t seq) {
  lh_registry_read_lock();
  const struct lh_row *row = child->claimed ? lh_host_row(child) : NULL;
  const uint64_t parked = child->trouble != NULL ? child->trouble->parked_seq : 0;
  const bool taken = row != NULL && (parked != 0 ? parked : row->seq) <= seq;
  lh_registry_read_unlock();
  return taken;
}

static void give_up(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  const bool runs = child->pid != 0 && child->phase != PHASE_STOPPING;
  hubs->counters.surplus++;
  if (child->trouble != NULL) child->trouble->parks = false;
  if (runs)
    lh_host_stop(hubs, now, child, "surplus", 0);  // while the row tells how long it may take
  child->claimed = false;
  if (!runs && child->phase != PHASE_STOPPING) lh_drop(child, false);
}

void lh_hubs_yield(struct lh_hubs *hubs, lh_ms now, uint64_t seq) {
  for (size_t h = 0; h < hubs->hub_count; h++) {
    const struct lh_map *children = &hubs->hubs[h]->children;
    for (size_t i = children->count; i > 0; i--) {
      struct child *child = children->entries[i - 1].value;
      if (was_taken(child, seq) && !lh_conflict_keep(hubs, now, child)) give_up(hubs, now, child);
    }
  }
}

static bool drop_unclaimed(void *self, const struct lh_row *row) {
  struct lh_hubs *hubs = self;
  struct hub *hub = lh_hub_at(hubs, row->hub);
  const struct child *child = hub != NULL ? lh_host_child(hub, lh_row_id(row)) : NULL;
  if (child == NULL || !child->claimed)
    (void)lh_registry_remove(hubs->registry, row->hub, lh_row_id(row));
  return true;
}

void lh_hubs_yielded(struct lh_hubs *hubs) {
  lh_registry_each(hubs->registry, hubs->self, drop_unclaimed, hubs);
}
