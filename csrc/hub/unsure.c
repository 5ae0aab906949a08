// unsure.c - moves in a hub with a quorum strategy of which nobody here knows what came of them.
//
// Once the other end was told to run the child (a cold move's START, a hot one's COMMIT), it may.
// Who has no answer does not run it again before it is sure: while that node is a member it is
// asked again, or its rows tell; when it died, its lease must be over first. A child may rest so
// for LH_LEASE_WAIT_MS; it never runs twice.
#include "hub/move.h"
#include "hub/quorum.h"

enum { LOOK_MS = 500 };

static bool is_out_of_hand(const struct child *child) {
  return child->trouble->hot ? child->trouble->frozen : child->pid == 0;
}

static bool may_run_there(struct lh_hubs *hubs, const struct child *child) {
  const uint32_t target = child->trouble->target;
  if (!lh_quorum_is_set(child->hub) || !is_out_of_hand(child)) return false;
  if (lh_view_find(hubs, target) == NULL) return !lh_quorum_may(child->hub);
  return !child->trouble->hot || !lh_view_reaches(hubs, target);
}

void lh_unsure_failed(struct lh_hubs *hubs, lh_ms now, struct child *child, const char *why) {
  if (!may_run_there(hubs, child) || LH_PLANTED(unsure_move_fails)) {
    lh_move_failed(hubs, child, why);
    return;
  }
  if (!child->trouble->hot && lh_view_reaches(hubs, child->trouble->target))
    lh_move_ask_start(hubs, child);
  lh_heap_set(&hubs->due, &child->trouble->timer.due, now + LOOK_MS);
}
