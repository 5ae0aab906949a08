// pace.c - the budget of a hub's moves from this node: children and bytes of state per second; and
// the pause, in which no child goes because nodes came or went.
//
// A budget fills with time, up to what a second gives, and a move begins while there is some. A
// state is counted when it goes, since its size is not known before: with a budget of bytes few
// children move at a time, so that what goes beyond it is little, and later moves wait for it.
// Neither holds what has to go: a node that leaves, a hub that closes, a drain at its deadline. A
// pause lets moves under way end, and holds neither a drain nor a move by hand.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/list.h"

enum { THOUSAND = 1000 };

static bool has_to_go(const struct hub *hub) {
  return hub->closing || hub->all->leaving || lh_drain_forces(hub);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void fill(struct hub *hub, lh_ms now) {
  const struct lh_budget *budget = &hub->config.budget;
  struct pace *pace = &hub->pace;
  const int64_t passed = pace->at == 0 ? THOUSAND : least(now - pace->at, 3600 * THOUSAND);
  pace->at = now;
  pace->children = least(pace->children + passed * (int64_t)budget->children,
                         THOUSAND * (int64_t)budget->children);
  pace->bytes =
      least(pace->bytes + passed * (int64_t)budget->bytes, THOUSAND * (int64_t)budget->bytes);
}

size_t lh_pace_most(const struct hub *hub) {
  return hub->config.budget.bytes > 0 && !has_to_go(hub) ? LH_MOVES_PACED : LH_MOVES_MAX;
}

bool lh_pace_takes(struct hub *hub, lh_ms now) {
  const struct lh_budget *budget = &hub->config.budget;
  struct pace *pace = &hub->pace;
  if (has_to_go(hub) || LH_PLANTED(budget_ignored)) return true;
  fill(hub, now);
  if (budget->children > 0 && pace->children < THOUSAND) return false;
  if (budget->bytes > 0 && pace->bytes <= 0) return false;
  if (budget->children > 0) pace->children -= THOUSAND;
  return true;
}

void lh_pace_sent(struct hub *hub, size_t bytes) {
  if (hub->config.budget.bytes > 0) hub->pace.bytes -= THOUSAND * (int64_t)bytes;
}

bool lh_pace_holds(const struct hub *hub) {
  return hub->pace.paused && !has_to_go(hub) && !lh_drain_hands_on(hub);
}

static lh_ms filled_at(const struct pace *pace, int64_t missing, int64_t per_second) {
  if (per_second == 0 || missing <= 0) return 0;
  return pace->at + (missing + per_second - 1) / per_second;
}

lh_ms lh_pace_due(const struct lh_hubs *hubs) {
  lh_ms due = LH_NEVER;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct hub *hub = hubs->hubs[i];
    const struct pace *pace = &hub->pace;
    const bool paced = hub->config.budget.children > 0 || hub->config.budget.bytes > 0;
    if (!paced || lh_list_empty(&hub->move_queue) || hub->moving >= lh_pace_most(hub)) continue;
    const lh_ms children =
        filled_at(pace, THOUSAND - pace->children, (int64_t)hub->config.budget.children);
    const lh_ms bytes = filled_at(pace, 1 - pace->bytes, (int64_t)hub->config.budget.bytes);
    const lh_ms at = children > bytes ? children : bytes;
    if (at < due) due = at;
  }
  return due;
}

// What is not begun is planned anew later; what somebody ordered goes.
static void drop_queued(struct hub *hub) {
  struct lh_list *at = hub->move_queue.next;
  while (at != &hub->move_queue) {
    struct trouble *trouble = LH_ENTRY(at, struct trouble, link);
    at = at->next;
    if (trouble->ordered) continue;
    lh_list_remove(&trouble->link);
    trouble->queued = false;
  }
}

int lh_hubs_pause(struct lh_hubs *hubs, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) return LH_ENOTFOUND;
  hub->pace.paused = true;
  if (lh_pace_holds(hub)) drop_queued(hub);
  return LH_OK;
}

int lh_hubs_resume(struct lh_hubs *hubs, lh_ms now, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) return LH_ENOTFOUND;
  hub->pace.paused = false;
  const bool plans = hubs->view.agreed && hubs->view.settled && lh_quorum_may(hub);
  if (plans) lh_balance_hub(hub, now);
  return LH_OK;
}

int lh_hubs_moves(struct lh_hubs *hubs, lh_ms now, struct lh_bytes id, struct lh_hub_moves *out) {
  const struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) return LH_ENOTFOUND;
  *out = (struct lh_hub_moves){.paused = hub->pace.paused,
                               .moving = hub->moving,
                               .put_off = hub->consents.asked.count,
                               .quiet = lh_flap_count(hub, now)};
  for (const struct lh_list *at = hub->move_queue.next; at != &hub->move_queue; at = at->next)
    out->waiting++;
  return LH_OK;
}
