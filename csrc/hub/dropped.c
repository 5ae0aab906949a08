// dropped.c - children that are given up while their init goes on.
//
//   STARTING --drop--> STOPPING, without a pid --its init is over: stop--> --it has ended-->
//   forgotten
//
// An init cannot be called off. Until it is over, and its process has ended, the child counts as
// one that is being stopped, so that no other instance of it begins here beside it. It has no row,
// never counted as running, and no hook tells of its end.
#include "hub/dropped.h"

static bool is_ordered(const struct lh_hubs *hubs, const struct child *child) {
  for (size_t i = 0; i < hubs->order_count; i++) {
    if (hubs->ordered[i] == child) return true;
  }
  return false;
}

static void stop_waiting(struct lh_hubs *hubs, struct child *child) {
  struct trouble *trouble = lh_host_trouble(child);
  trouble->asker = 0;
  trouble->stopper_count = 0;
  trouble->parks = false;
  lh_heap_cancel(&hubs->due, &trouble->timer.due);
  lh_list_remove(&trouble->link);
}

void lh_drop(struct child *child, bool remove_row) {
  struct lh_hubs *hubs = child->hub->all;
  if (child->phase != PHASE_STARTING || is_ordered(hubs, child)) {
    lh_host_forget(child, remove_row);
    return;
  }
  if (remove_row && child->claimed)
    (void)lh_registry_remove(hubs->registry, child->hub->index, lh_bytes(child->id, child->id_len));
  child->claimed = false;
  child->phase = PHASE_STOPPING;
  stop_waiting(hubs, child);
}

bool lh_dropped_is(const struct child *child) {
  return child->phase == PHASE_STOPPING && child->pid == 0;
}

void lh_dropped_gone(struct lh_hubs *hubs, struct child *child) {
  lh_end_tell(hubs, child);
  lh_host_forget(child, false);
  lh_hub_check_empty(hubs);
}

void lh_dropped_started(struct lh_hubs *hubs, struct child *child, int status, lh_pid pid) {
  if (status == LH_OK)
    hubs->ops->stop(hubs->ops_self, child->token, pid, "surplus", lh_host_shutdown(child), 0);
  else
    lh_dropped_gone(hubs, child);
}
