// role.c - of the instances of a child one is active, the others are passive; each is told.
//
// The first of a child's nodes whose instance runs is to have the active one: it claims that in its
// row. Its first node by the distribution follows from the view alone. Whoever agrees on a view
// holds all claims that were made under earlier ones, so that node sees every other active instance
// there is, waits for it, and is told at once after. Any other claims with less certainty, since
// what it saw of those before it may be old: it is told when all members hold its claim and no
// other one is known here then. Who claimed at the same time sees that, and the later one in order
// takes the claim back. An active instance gives way once one before it runs: it is told that it is
// passive, and when it has heard, its row says so.
//
//   not active --first that runs, and no other row is active--> active (row)
//              --if need be: all members hold that row-------> told
//   active     --one before it runs----------> told passive --heard--> not active (row)
//                                                 --LH_ROLE_MS--> stopped; starts as a passive one
//              --crashed, is to wait for its restart--> not active (row)
//
// The claim is the node's: an instance that is started again at once after a crash is told anew.
// Where all instances are active, or nobody is to be told, the same steps are taken without the
// word.
#include "hub/internal.h"

#include "base/log.h"

static void set_active(struct child *child, bool active) {
  if (child->role.active == active) return;
  child->role.active = active;
  (void)lh_host_write_row(child);
}

static void heard(struct child *child, enum role role) {
  child->role.told = (uint8_t)role;
  child->role.telling = ROLE_NONE;
  if (role == ROLE_PASSIVE) set_active(child, false);
}

static void tell(struct lh_hubs *hubs, lh_ms now, struct child *child, enum role role) {
  const struct lh_hub_config *config = &child->hub->config;
  if (child->role.told == role || child->role.telling != ROLE_NONE) return;  // one word at a time
  if (role == ROLE_ACTIVE ? !config->tells_active : !config->tells_passive) {
    heard(child, role);
    return;
  }
  child->role.telling = (uint8_t)role;
  lh_heap_set(&hubs->due, &lh_host_trouble(child)->timer.due, now + LH_ROLE_MS);
  hubs->ops->tell_role(hubs->ops_self, child->token, child->pid, role == ROLE_ACTIVE);
}

static void step_down(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  if (child->role.told == ROLE_PASSIVE && child->role.telling == ROLE_NONE)
    set_active(child, false);  // a claim that was never told
  else
    tell(hubs, now, child, ROLE_PASSIVE);
}

// A claim may be from before this node was the first, and not be the only one.
static bool is_sure(struct child *child, const struct role_view *view) {
  if (view->other_active) return false;
  if (view->first) return true;
  const struct lh_row *row = lh_host_row(child);
  return row != NULL && lh_replica_is_known(child, row->seq);
}

static void look_at_running(struct lh_hubs *hubs, lh_ms now, struct child *child,
                            const struct role_view *view) {
  if (view->leads && !view->other_active && child->role.telling != ROLE_PASSIVE)
    set_active(child, true);
  if (!child->role.active || view->other_leads)
    step_down(hubs, now, child);
  else if (view->leads && is_sure(child, view))
    tell(hubs, now, child, ROLE_ACTIVE);
}

// One that waits for its restart leaves it to another that runs.
static bool stands(struct child *child, const struct role_view *view) {
  return view->leads && child->phase != PHASE_WAITING;
}

void lh_role_look(struct lh_hubs *hubs, lh_ms now, struct child *child,
                  const struct role_view *view) {
  if (child->phase == PHASE_RUNNING && !child->hub->config.one_active)
    tell(hubs, now, child, ROLE_ACTIVE);
  else if (child->phase == PHASE_RUNNING)
    look_at_running(hubs, now, child, view);
  else if (child->role.active && !stands(child, view) && lh_host_is_restarting(child))
    set_active(child, false);  // nothing runs that could act
}

// What was said to an earlier instance is void.
void lh_hubs_told(struct lh_hubs *hubs, lh_ms now, uint64_t token, lh_pid pid) {
  struct child *child = lh_host_by_token(hubs, token);
  (void)now;
  if (child == NULL || child->pid == 0 || lh_pid_local(child->pid) != lh_pid_local(pid)) return;
  if (child->phase != PHASE_RUNNING || child->role.telling == ROLE_NONE) return;
  lh_heap_cancel(&hubs->due, &child->trouble->timer.due);
  if (child->restarts == 0) lh_host_calm(child);
  heard(child, child->role.telling);
  lh_replica_note(child->hub, lh_bytes(child->id, child->id_len));
}

// One that is active, or new, and does not listen is of no use either.
void lh_role_overdue(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  const char *role = child->role.telling == ROLE_ACTIVE ? "active" : "passive";
  lh_log(LH_LOG_WARN, "hub", "child '%.*s' has not heard in %d ms that it is %s, and is stopped",
         child->id_len, (const char *)child->id, LH_ROLE_MS, role);
  lh_host_stop(hubs, now, child, "surplus", 0);
}
