// role.c - of the instances of a child one is active, the others are passive; each is told.
//
// Under an agreed view the child's first node is to have the active instance, and it alone may
// claim that: its row says so. Whoever agrees on a view holds all claims that were made under
// earlier ones, so the first node sees every other active instance there is, and waits for it. An
// active instance elsewhere gives way once the first node runs one: it is told that it is passive,
// and when it has heard, its row says so.
//
//   not active --first, and no other row is active--> active (row), then told
//   active     --not first, and the first runs one--> told passive --heard--> not active (row)
//                                                       --LH_ROLE_MS--> stopped; starts as a
//                                                       passive one
//
// The claim is the node's: an instance that is started again after a crash is told anew. Where all
// instances are active, or nobody is to be told, the same steps are taken without the word.
#include "hub/internal.h"

#include "base/log.h"

static void set_active(struct child *child, bool active) {
  if (child->role.active == active) return;
  child->role.active = active;
  (void)lh_host_put_row(child, child->phase == PHASE_RUNNING ? LH_ROW_RUNNING : LH_ROW_RESTARTING);
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

static void look_at_running(struct lh_hubs *hubs, lh_ms now, struct child *child,
                            const struct role_view *view) {
  const bool claims = view->first && !view->other_active && child->role.telling != ROLE_PASSIVE;
  if (claims) set_active(child, true);
  if (child->role.active && (view->first || !view->first_runs))
    tell(hubs, now, child, ROLE_ACTIVE);
  else
    tell(hubs, now, child, ROLE_PASSIVE);
}

void lh_role_look(struct lh_hubs *hubs, lh_ms now, struct child *child,
                  const struct role_view *view) {
  if (child->phase == PHASE_RUNNING && !child->hub->config.one_active)
    tell(hubs, now, child, ROLE_ACTIVE);
  else if (child->phase == PHASE_RUNNING)
    look_at_running(hubs, now, child, view);
  else if (child->role.active && !view->first && lh_host_is_restarting(child))
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
