// park.c - children of a hub without quorum: they end here, their rows stay, and they run again
// when the hub may act.
//
//   RUNNING --give up--> STOPPING (terminate only) --> WAITING, parked --may act--> STARTING
//
// They do so once all that the members hold of the dead is here: there may be stop orders among it.
//
// A row says that its child is parked, so nobody is sent to a process that is gone. Others may
// take it over meanwhile, from the row as it was: what was taken is given up for good (yield.c).
// Any other instance goes before a parked one, whatever their generations: it is a quorum's.
#include "hub/move.h"
#include "hub/quorum.h"

// What the row's sequence was when the child began to be parked: what others know of it.
static void keep_seq(struct child *child) {
  struct trouble *trouble = lh_host_trouble(child);
  if (trouble->parked_seq != 0) return;
  lh_registry_read_lock();
  const struct lh_row *row = child->claimed ? lh_host_row(child) : NULL;
  trouble->parked_seq = row != NULL ? row->seq : 1;
  lh_registry_read_unlock();
}

void lh_park_child(struct child *child) {
  keep_seq(child);
  child->hub->has_parked = true;
  child->hub->all->check_view = child->hub->all->check_settle =
      true;  // it may be a quorum's by now
  child->trouble->parks = false;
  child->phase = PHASE_WAITING;
  child->pid = 0;
  child->role = (struct child_role){0};  // what runs again is told anew
  (void)lh_host_put_row(child, LH_ROW_PARKED);
}

static void give_up(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  if (child->phase == PHASE_PREPARED) {
    lh_host_discard(child);
    return;
  }
  if (child->phase == PHASE_MOVING) {
    if (!lh_move_cancel(hubs, child)) return;  // it does not run, or is about to end
  } else if (child->phase != PHASE_RUNNING && child->phase != PHASE_STARTING) {
    return;
  }
  keep_seq(child);
  hubs->counters.given_up += !child->trouble->parks;
  child->trouble->parks = true;
  if (child->pid != 0) lh_host_stop(hubs, now, child, "partition", 0);
}

void lh_park_hub(struct hub *hub, lh_ms now) {
  for (size_t i = hub->children.count; i > 0; i--)
    give_up(hub->all, now, hub->children.entries[i - 1].value);
}

void lh_park_ended(struct child *child) {
  struct hub *hub = child->hub;
  hub->all->counters.stopped++;
  lh_event_child(hub, "child_unregistered", lh_bytes(child->id, child->id_len), hub->all->self, 0);
  lh_park_child(child);
}

// How long terminate may take.
lh_ms lh_park_time(struct child *child) {
  const lh_ms shutdown = lh_host_shutdown(child);
  return lh_park_is_asked(child) && shutdown > LH_LEASE_STOP_MS ? LH_LEASE_STOP_MS : shutdown;
}

bool lh_park_is_asked(const struct child *child) {
  return child->trouble != NULL && child->trouble->parks;
}

bool lh_park_is_parked(const struct child *child) {
  return child->phase == PHASE_WAITING && child->trouble != NULL && child->trouble->parked_seq != 0;
}

// By the rows of all who agree, the best first. Of two that are parked the better one resumes, and
// whoever moves a child away yields to the better one, too (change.c).
static bool yields_to_better(const struct lh_row *row) {
  return row->state == LH_ROW_PARKED || row->state == LH_ROW_MOVING || row->state == LH_ROW_LOOSE;
}

static bool runs_elsewhere(const struct child *child) {
  const struct lh_hubs *hubs = child->hub->all;
  const struct lh_row *rows[4];
  bool elsewhere = false;
  lh_registry_read_lock();
  const size_t count = lh_registry_find(hubs->registry, child->hub->index,
                                        lh_bytes(child->id, child->id_len), rows, 4);
  bool goes_before = true;
  for (size_t i = 0; i < count && i < 4; i++) {
    if (rows[i]->node == hubs->self)
      goes_before = false;
    else
      elsewhere = elsewhere || goes_before || !yields_to_better(rows[i]);
  }
  lh_registry_read_unlock();
  return elsewhere;
}

static void resume(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  const struct hub *hub = child->hub;
  if (lh_order_covers(hub, lh_bytes(child->id, child->id_len), child->born)) {
    lh_end_ordered(hubs, now, child);
  } else if (!hub->config.replicated && runs_elsewhere(child)) {
    lh_host_forget(child, true);
  } else {
    child->trouble->parked_seq = 0;
    child->generation = lh_host_generation(child->hub);
    lh_host_order(hubs, child, false);
  }
}

void lh_park_resume(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    if (!hub->has_parked || !lh_quorum_may(hub)) continue;
    hub->has_parked = false;
    for (size_t k = hub->children.count; k > 0; k--) {
      struct child *child = hub->children.entries[k - 1].value;
      if (lh_park_is_parked(child)) resume(hubs, now, child);
    }
  }
}
