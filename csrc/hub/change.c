// change.c - rows of other nodes and stop orders that concern a child here.
//
// The registry tells of them in the middle of its own work: note is taken, and looked at in the
// turn's flush. Of several instances of a child one stays; what was ordered to stop ends.
#include "hub/dropped.h"
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/failpoint.h"
#include "base/mem.h"

#include <string.h>

void lh_change_note(struct lh_hubs *hubs, uint32_t hub, struct lh_bytes id) {
  struct change *change = lh_alloc(sizeof(struct change) + id.len);
  change->hub = hub;
  change->id_len = id.len;
  memcpy(change->id, id.data, id.len);
  lh_list_push(&hubs->changes, &change->link);
}

// Called from within the registry: takes note only.
void lh_hubs_ordered(struct lh_hubs *hubs, uint32_t index, struct lh_bytes id, uint64_t born) {
  struct hub *hub = lh_hub_at(hubs, index);
  if (hub == NULL) return;
  if (born > hub->generation) hub->generation = born;
  lh_reconcile_ordered(hub, id, born);
  if (lh_host_child(hub, id) != NULL) lh_change_note(hubs, index, id);
}

static bool note_row(void *self, const struct lh_row *row) {
  struct lh_hubs *hubs = self;
  struct hub *hub = lh_hub_at(hubs, row->hub);
  if (hub == NULL) return true;
  if (row->generation > hub->generation) hub->generation = row->generation;
  if (lh_host_child(hub, lh_row_id(row)) != NULL) lh_change_note(hubs, row->hub, lh_row_id(row));
  return true;
}

void lh_hubs_row_changed(struct lh_hubs *hubs, const struct lh_row *before,
                         const struct lh_row *after) {
  struct hub *counting = lh_hub_at(hubs, after != NULL ? after->hub : before->hub);
  if (counting != NULL) lh_crowd_row(counting, before, after);
  if (counting != NULL && after != NULL && after->state != LH_ROW_STARTING)
    lh_reconcile_ran(counting, lh_row_id(after));
  if (counting != NULL && counting->config.replicated)
    lh_replica_note(counting, lh_row_id(after != NULL ? after : before));
  if (after == NULL && before->node != hubs->self && counting != NULL &&
      lh_host_child(counting, lh_row_id(before)) != NULL)
    LH_FAILPOINT(target_release);
  if (after == NULL || after->node == hubs->self) return;
  if (counting != NULL) lh_loose_note(counting, after);
  (void)note_row(hubs, after);
}

// Its rows count again, those too that came while it was taken for dead: the registry names none of
// them as changed.
void lh_change_thawed(struct lh_hubs *hubs, uint32_t node) {
  lh_registry_each(hubs->registry, node, note_row, hubs);
}

// Of two instances the one with the higher generation stays; at equal ones that of the lower node
// id.
static bool outranks(struct lh_hubs *hubs, const struct lh_row *row, const struct child *child) {
  if (LH_PLANTED(last_to_arrive_wins)) return true;
  if (LH_PLANTED(lower_generation_wins) && row->generation != child->generation)
    return row->generation < child->generation;
  if (row->generation != child->generation) return row->generation > child->generation;
  return lh_node_id_compare(&lh_runs_at(hubs->runs, row->node)->id,
                            &lh_runs_at(hubs->runs, hubs->self)->id) < 0;
}

void lh_change_surplus(struct lh_hubs *hubs, lh_ms now, struct child *child,
                       const struct lh_row *row) {
  hubs->counters.surplus++;
  lh_end_elsewhere(hubs, child, row->node);
  if (child->phase == PHASE_RUNNING) {
    lh_host_stop(hubs, now, child, "surplus", row->pid);
  } else {
    lh_host_answer_asker(hubs, child, LH_EEXISTS, row->pid, "it runs already");
    lh_drop(child, true);
  }
}

static void look_at_replica(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  lh_registry_read_lock();
  const struct lh_row *later = lh_replica_later(child);
  if (later != NULL) lh_change_surplus(hubs, now, child, later);
  lh_registry_read_unlock();
}

// Where a quorum decides: ours stands for one that was parked there (park.c), in whatever phase it
// is, and goes before it from now on: what it does outside is fenced by its generation.
static bool stands_for(const struct child *child, const struct lh_row *row) {
  return lh_quorum_is_set(child->hub) && row->state == LH_ROW_PARKED &&
         child->phase != PHASE_MOVING && !lh_park_is_parked(child);
}

const struct lh_row *lh_change_better(struct lh_hubs *hubs, const struct child *child) {
  const struct lh_row *rows[4];
  const size_t count = lh_registry_find(hubs->registry, child->hub->index,
                                        lh_bytes(child->id, child->id_len), rows, 4);
  const struct lh_row *best = count > 0 ? rows[0] : NULL;
  if (LH_PLANTED(last_to_arrive_wins) && count > 1 && best->node == hubs->self) best = rows[1];
  const bool stays = best == NULL || best->node == hubs->self || best->state >= LH_ROW_MOVING;
  return stays || !outranks(hubs, best, child) ? NULL : best;
}

static void look_at(struct lh_hubs *hubs, lh_ms now, const struct change *change) {
  struct hub *hub = lh_hub_at(hubs, change->hub);
  struct child *child =
      hub != NULL ? lh_host_child(hub, lh_bytes(change->id, change->id_len)) : NULL;
  if (child == NULL || child->phase == PHASE_STOPPING) return;
  const struct lh_bytes id = lh_bytes(change->id, change->id_len);
  if (lh_order_covers(hub, id, child->born)) {
    lh_end_ordered(hubs, now, child);
    return;
  }
  if (hub->config.replicated) {
    look_at_replica(hubs, now, child);
    return;
  }
  if (child->phase == PHASE_PREPARED) return;
  lh_registry_read_lock();
  const struct lh_row *best = lh_change_better(hubs, child);
  if (best != NULL) {
    if (stands_for(child, best))
      lh_host_raise(child);
    else if (child->phase == PHASE_MOVING)
      lh_move_seen_elsewhere(hubs, now, child, best);
    else if (!lh_conflict_open(hubs, now, child, best))
      lh_change_surplus(hubs, now, child, best);
  }
  lh_registry_read_unlock();
}

void lh_change_run(struct lh_hubs *hubs, lh_ms now) {
  struct lh_list *at;
  while ((at = lh_list_pop(&hubs->changes)) != NULL) {
    struct change *change = LH_ENTRY(at, struct change, link);
    look_at(hubs, now, change);
    lh_free(change);
  }
}
