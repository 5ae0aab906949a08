// leave.c - ready, leaving, the end: who waits for what, and the steps of a graceful stop.
//
//   leave: the record says so -> the hubs hand their children on -> LEFT is spread -> a moment for
//   it to go out -> ENDED
//
// ENDED answers whoever waits; the main program then frees the node. A second signal ends the
// process at once.
#include "node/internal.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pages.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FAREWELL_MS = 150, READY_CALM_MS = 500, EXIT_AT_ONCE = 130 };

static void wait_in(struct lh_list *list, const struct caller *caller) {
  struct waiter *waiter = LH_NEW(struct waiter);
  waiter->caller = *caller;
  lh_list_push(list, &waiter->link);
}

static void answer_all(struct lh_node *node, struct lh_list *list, struct lh_bytes value) {
  struct lh_list *at;
  while ((at = lh_list_pop(list)) != NULL) {
    struct waiter *waiter = LH_ENTRY(at, struct waiter, link);
    lh_service_answer(node, &waiter->caller, value);
    lh_free(waiter);
  }
}

static void tell_ready(struct lh_node *node) {
  struct lh_buf value = LH_BUF_EMPTY;
  lh_write_map(&value, 2);
  lh_write_cstr(&value, "address");
  if (node->address[0] != '\0')
    lh_write_cstr(&value, node->listening);
  else
    lh_write_bool(&value, false);
  lh_write_cstr(&value, "name");
  lh_write_cstr(&value, node->name);
  answer_all(node, &node->waiting_ready, lh_bytes_of(&value));
  lh_buf_free(&value);
}

static void tell_refused(struct lh_node *node, struct lh_list *list) {
  struct lh_list *at;
  while ((at = lh_list_pop(list)) != NULL) {
    struct waiter *waiter = LH_ENTRY(at, struct waiter, link);
    lh_service_fail(node, &waiter->caller, node->refusal_code, node->refusal);
    lh_free(waiter);
  }
}

void lh_leave_calm(struct lh_node *node, lh_ms at) {
  if (node->threaded) node->calm_at = at;  // a simulated node shares its process with others
}

void lh_leave_ready(struct lh_node *node) {
  if (node->phase != NODE_STARTING) return;
  if (node->refusal_code != NULL) {
    tell_refused(node, &node->waiting_ready);
    return;
  }
  node->phase = NODE_READY;
  lh_peers_record_changed(node);
  tell_ready(node);
  lh_control_ready(node);
  lh_leave_calm(node, lh_env_now(node->env) + READY_CALM_MS);
}

void lh_leave_wait_ready(struct lh_node *node, const struct caller *caller) {
  wait_in(&node->waiting_ready, caller);
  if (node->refusal_code != NULL)
    tell_refused(node, &node->waiting_ready);
  else if (node->phase != NODE_STARTING)
    tell_ready(node);
}

static void tell_end(struct lh_node *node) {
  if (node->refusal_code != NULL) {
    tell_refused(node, &node->waiting_end);
    return;
  }
  struct lh_buf value = LH_BUF_EMPTY;
  lh_write_bool(&value, true);
  answer_all(node, &node->waiting_end, lh_bytes_of(&value));
  lh_buf_free(&value);
}

void lh_leave_wait_end(struct lh_node *node, const struct caller *caller) {
  wait_in(&node->waiting_end, caller);
  if (node->phase == NODE_ENDED) tell_end(node);
}

void lh_leave_wait_closed(struct lh_node *node, struct lh_bytes hub, const struct caller *caller) {
  wait_in(&node->waiting_closed, caller);
  lh_buf_append(&LH_ENTRY(node->waiting_closed.prev, struct waiter, link)->hub, hub.data, hub.len);
}

static void waiter_free(struct waiter *waiter) {
  lh_buf_free(&waiter->hub);
  lh_free(waiter);
}

void lh_leave_closed(struct lh_node *node, struct lh_bytes hub) {
  struct lh_list *at = node->waiting_closed.next;
  lh_hooks_hub_closed(node, hub);
  (void)lh_storage_clear(node, lh_env_now(node->env), hub);
  struct lh_buf yes = LH_BUF_EMPTY;
  lh_write_bool(&yes, true);
  while (at != &node->waiting_closed) {
    struct waiter *waiter = LH_ENTRY(at, struct waiter, link);
    at = at->next;
    if (!lh_bytes_equal(lh_bytes_of(&waiter->hub), hub)) continue;
    lh_service_answer(node, &waiter->caller, lh_bytes_of(&yes));
    lh_list_remove(&waiter->link);
    waiter_free(waiter);
  }
  lh_buf_free(&yes);
}

void lh_leave_begin(struct lh_node *node) {
  if (node->phase == NODE_LEAVING || node->phase == NODE_ENDED) return;
  lh_log(LH_LOG_INFO, "node", "leaving: children are handed on");
  node->phase = NODE_LEAVING;
  lh_hubs_leave(node->hubs, lh_env_now(node->env));
  lh_node_touch(node);
}

void lh_leave_give_way(struct lh_node *node, const char *code, const char *text) {
  if (node->refusal_code != NULL) return;
  node->refusal_code = code;
  (void)snprintf(node->refusal, sizeof node->refusal, "%s", text);
  lh_log(LH_LOG_ERROR, "node", "%s", text);
  if (node->phase == NODE_STARTING)
    lh_leave_ready(node);
  else
    lh_leave_begin(node);
}

void lh_leave_drained(struct lh_node *node) {
  const lh_ms now = lh_env_now(node->env);
  LH_FAILPOINT(leave_drained);
  if (node->members != NULL) lh_members_left(node->members, now);
  LH_FAILPOINT(leave_said);
  node->end_at = now + (node->links != NULL ? FAREWELL_MS : 0);
  lh_node_touch(node);
}

void lh_leave_tick(struct lh_node *node, lh_ms now) {
  if (now >= node->calm_at) {
    node->calm_at = LH_NEVER;
    lh_pages_let_go();
  }
  if (node->phase == NODE_STARTING &&
      (node->join_count == 0 || node->links == NULL || now - node->started_at >= LH_READY_MS)) {
    if (node->join_count > 0 && node->links != NULL && !node->joined)
      lh_log(LH_LOG_WARN, "node", "no node of `join` has answered yet; it goes on trying");
    lh_leave_ready(node);
  }
  if (node->phase == NODE_LEAVING && node->end_at != 0 && now >= node->end_at) {
    node->phase = NODE_ENDED;
    lh_log(LH_LOG_INFO, "node", "left");
    lh_control_stopped(node);
    tell_end(node);
  }
}

static lh_ms step_due(const struct lh_node *node) {
  if (node->phase == NODE_STARTING && node->refusal_code == NULL)
    return node->started_at + LH_READY_MS;
  if (node->phase == NODE_LEAVING && node->end_at != 0) return node->end_at;
  return LH_NEVER;
}

lh_ms lh_leave_due(const struct lh_node *node) {
  const lh_ms due = step_due(node);
  return due < node->calm_at ? due : node->calm_at;
}

void lh_leave_signal(void *self, int signal_number) {
  struct lh_node *node = self;
  (void)signal_number;
  if (node->signals++ > 0) _exit(EXIT_AT_ONCE);
  lh_leave_begin(node);
}

void lh_leave_free(struct lh_node *node) {
  struct lh_list *at;
  while ((at = lh_list_pop(&node->waiting_ready)) != NULL)
    lh_free(LH_ENTRY(at, struct waiter, link));
  while ((at = lh_list_pop(&node->waiting_end)) != NULL) lh_free(LH_ENTRY(at, struct waiter, link));
  while ((at = lh_list_pop(&node->waiting_closed)) != NULL)
    waiter_free(LH_ENTRY(at, struct waiter, link));
}
