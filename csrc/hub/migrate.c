// migrate.c - moves of one child that somebody wants: to a node of their choice, where it stays if
// they say so.
//
// What is pinned is passed over by the balance (move.c) and goes with the child: it is recovered as
// any other when its node dies, and stays where it is then. A drain, or the end of the hub here,
// moves it on.
#include "hub/move.h"
#include "hub/quorum.h"

#include <string.h>

static void set_pinned(struct child *child, bool pinned) {
  if (child->pinned == pinned) return;
  child->pinned = pinned;
  (void)lh_host_write_row(child);
}

int lh_hubs_move(struct lh_hubs *hubs, lh_ms now, struct lh_bytes hub_id, struct lh_bytes id,
                 const char *node, bool pin) {
  struct hub *hub = lh_hub_find(hubs, hub_id);
  struct child *child = hub != NULL ? lh_host_child(hub, id) : NULL;
  (void)now;
  if (child == NULL) return LH_ENOTFOUND;
  if (hub->config.replicated) return LH_EDENIED;
  if (!lh_move_may(child)) return LH_EAGAIN;
  for (size_t i = 0; i < hub->candidate_count; i++) {
    if (strcmp(hub->candidates[i].name, node) != 0) continue;
    if (hub->candidates[i].node == hubs->self) {
      if (pin) set_pinned(child, true);
      return LH_OK;
    }
    lh_move_queue(child, hub->candidates[i].node, hub->config.migration != LH_MIGRATION_HOT);
    child->trouble->ordered = true;
    child->trouble->pin = pin;
    lh_consent_forget(child);
    return LH_OK;
  }
  return LH_EINVAL;
}

int lh_hubs_release(struct lh_hubs *hubs, lh_ms now, struct lh_bytes hub_id, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, hub_id);
  struct child *child = hub != NULL ? lh_host_child(hub, id) : NULL;
  if (child == NULL) return LH_ENOTFOUND;
  if (hub->config.replicated) return LH_EDENIED;
  if (!lh_move_may(child)) return LH_EAGAIN;
  set_pinned(child, false);
  if (hubs->view.agreed && hubs->view.settled && lh_quorum_may(hub)) lh_balance_hub(hub, now);
  return LH_OK;
}
