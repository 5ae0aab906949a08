// leave.c - hubs that close on this node, and the node that leaves with all of its hubs: their
// children are handed on (move.c); what nobody takes stops in place.
#include "hub/internal.h"
#include "hub/quorum.h"

#include <string.h>

int lh_hubs_close(struct lh_hubs *hubs, lh_ms now, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) return LH_ENOTFOUND;
  if (hub->closing) return LH_EEXISTS;
  hub->closing = true;
  lh_event_shutdown(hub, "hub_stop");
  hubs->leave_by = now + LH_DRAIN_MS;
  hubs->ops->record_changed(hubs->ops_self);
  hubs->check_settle = true;
  return LH_OK;
}

void lh_hubs_leave(struct lh_hubs *hubs, lh_ms now) {
  if (hubs->leaving) return;
  hubs->leaving = true;
  for (size_t h = 0; h < hubs->hub_count; h++) lh_event_shutdown(hubs->hubs[h], "leave");
  hubs->leave_by = now + LH_DRAIN_MS;
  hubs->ops->record_changed(hubs->ops_self);
  hubs->check_settle = true;
}

static void fail_ops_of(struct lh_hubs *hubs, const struct hub *hub) {
  struct lh_list *at = hubs->ops_list.next;
  while (at != &hubs->ops_list) {
    struct op *op = LH_ENTRY(at, struct op, link);
    at = at->next;
    if (op->hub != hub) continue;
    lh_op_refuse(hubs, op->caller, LH_ECLOSED, "not_alive", "hub '%.*s' was stopped on this node",
                 (int)hub->config.id.len, (const char *)hub->config.id.data);
    lh_op_free(op);
  }
}

static void remove_hub(struct lh_hubs *hubs, struct hub *hub) {
  size_t at = 0;
  while (hubs->hubs[at] != hub) at++;
  memmove(&hubs->hubs[at], &hubs->hubs[at + 1], (hubs->hub_count - at - 1) * sizeof(struct hub *));
  hubs->hub_count--;
  fail_ops_of(hubs, hub);
  if (lh_quorum_is_set(hub)) hubs->ops->lease(hubs->ops_self, hub->config.id, LH_NEVER);
  hubs->ops->closed(hubs->ops_self, hub->config.id);
  lh_hub_free(hub);
  hubs->ops->record_changed(hubs->ops_self);
}

static void stop_in_place(struct lh_hubs *hubs, lh_ms now, struct hub *hub) {
  const char *reason = hubs->leaving ? "leave" : "hub_stop";
  for (size_t i = hub->children.count; i > 0; i--) {
    struct child *child = hub->children.entries[i - 1].value;
    if (child->phase == PHASE_RUNNING)
      lh_host_stop(hubs, now, child, reason, 0);
    else if (child->phase == PHASE_WAITING || (child->phase == PHASE_MOVING && child->pid == 0))
      lh_end_in_place(hubs, child);
  }
}

static bool ends(const struct lh_hubs *hubs, const struct hub *hub) {
  return hubs->leaving || hub->closing;
}

void lh_hub_stop_untaken(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    if (!ends(hubs, hub)) continue;
    hubs->leave_look_at = now + LH_LEAVE_LOOK_MS;
    if (hub->candidate_count == 0 && hubs->view.agreed) stop_in_place(hubs, now, hub);
  }
}

void lh_hub_check_empty(struct lh_hubs *hubs) {
  size_t left = 0;
  for (size_t i = hubs->hub_count; i > 0; i--) {
    struct hub *hub = hubs->hubs[i - 1];
    left += hub->children.count;
    if (hub->children.count == 0 && hub->closing && !hubs->leaving) remove_hub(hubs, hub);
  }
  if (LH_PLANTED(leaves_with_children)) left = 0;
  if (hubs->leaving && left == 0 && !hubs->drained && !lh_recover_keeps(hubs)) {
    hubs->drained = true;
    hubs->leave_look_at = LH_NEVER;
    hubs->ops->drained(hubs->ops_self);
  }
}
