// child.c - the orders that concern one child: stop, freeze, thaw, activate, its metadata and role;
// and how its end is told.
//
// An order that needs a callback sets a flag; it is carried out at the child's next turn in which
// no callback runs (lha_child_step). A stop has a timer of its own, which ends the child whatever
// it does.
#include "actor/internal.h"

#define OPS(heap) (heap)->actors->ops
#define SELF(heap) (heap)->actors->self

// --- orders ---

static void stop_time_over(struct heap *heap, struct timer *timer) {
  struct cold *cold = LH_ENTRY(timer, struct cold, stop_timer);
  struct lh_buf reason = LH_BUF_EMPTY;
  char label[LABEL_MAX];
  cold->killed = true;
  lha_actor_label(cold->actor, label);
  atomic_fetch_add(&heap->actors->overdue, 1);
  lh_log(LH_LOG_WARN, label, "was ended: it did not stop in its time (the shutdown of its spec)");
  lh_write_cstr(&reason, cold->stop_reason);
  lha_actor_kill(heap, cold->actor, lh_bytes_of(&reason));
  lh_buf_free(&reason);
}

// A plain process has no terminate: it ends where it stands, or, trapping exits, when it has read
// this.
static void stop_process(struct heap *heap, struct actor *actor, const char *text) {
  struct lh_buf reason = LH_BUF_EMPTY;
  lh_write_cstr(&reason, text);
  if (actor->flags & FLAG_TRAP) {
    lha_mailbox_put(heap, actor, lh_msg_new(LH_MSG_EXIT, actor->pid, 0, 0, lh_bytes_of(&reason)));
  } else {
    lha_actor_kill(heap, actor, lh_bytes_of(&reason));
  }
  lh_buf_free(&reason);
}

static void stop(struct heap *heap, struct order *order) {
  lha_urgent_remove(heap->actors, order->pid, false);
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (!actor || actor->kind == ACTOR_MAIN || (actor->cold && actor->cold->stops)) {
    OPS(heap).child_stopped(SELF(heap), order->token, order->pid, false);
    return;
  }
  struct cold *cold = lha_cold(actor);
  cold->stops = true;
  cold->stop_token = order->token;
  cold->forward = order->forward;
  cold->stop_reason = lh_strdup((const char *)order->text.data);
  cold->stop_timer.fire = stop_time_over;
  cold->stop_ms = order->ms;
  actor->flags |= FLAG_STOP;
  if (!lha_lease_holds(heap, actor)) actor->flags |= FLAG_GIVEN_UP;
  lha_timer_set(heap, &cold->stop_timer, heap->now + order->ms);
  if (actor->kind == ACTOR_PROCESS && actor->state != ACTOR_STARTING) {
    stop_process(heap, actor, cold->stop_reason);
  }
  lha_ready(heap, actor);
}

static void freeze(struct heap *heap, struct order *order) {
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (!actor || (actor->flags & FLAG_STOP)) {
    OPS(heap).child_frozen(SELF(heap), order->token, order->pid, LH_ENOTFOUND, lh_bytes(NULL, 0),
                           "no such actor");
  } else if (actor->kind != ACTOR_SERVER ||
             (actor->state != ACTOR_RUNNING && actor->state != ACTOR_FROZEN)) {
    OPS(heap).child_frozen(SELF(heap), order->token, order->pid, LH_EINVAL, lh_bytes(NULL, 0),
                           "only a running server can be handed over");
  } else {
    lha_cold(actor)->freeze_token = order->token;
    actor->flags |= FLAG_FREEZE;
    actor->state = ACTOR_FROZEN;
    lha_ready(heap, actor);
  }
}

static void thaw(struct heap *heap, const struct order *order) {
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (!actor) return;
  if (actor->child) actor->child->generation = order->generation;
  if (actor->state != ACTOR_FROZEN) return;
  actor->state = ACTOR_RUNNING;
  lha_ready(heap, actor);
}

static void describe(struct heap *heap, const struct order *order) {
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (!actor || !actor->child) return;
  struct child *child = actor->child;
  lh_free((void *)child->metadata.data);
  child->metadata = lh_bytes(lh_memdup(order->bytes.data, order->bytes.len), order->bytes.len);
  if (actor->kind != ACTOR_SERVER) return;
  actor->flags |= FLAG_DESCRIBED;
  lha_ready(heap, actor);
}

// A process reads it among its messages.
static void tell_process(struct heap *heap, struct actor *actor, const struct order *order) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_map(&body, 2);
  lh_write_cstr(&body, "role");
  lh_write_cstr(&body, order->count != 0 ? "active" : "passive");
  lh_write_cstr(&body, "type");
  lh_write_cstr(&body, "redundancy");
  lha_mailbox_put(heap, actor, lh_msg_new(LH_MSG_SEND, actor->pid, 0, 0, lh_bytes_of(&body)));
  lh_buf_free(&body);
  OPS(heap).child_told(SELF(heap), order->token, order->pid, LH_OK);
}

static void tell_role(struct heap *heap, const struct order *order) {
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (!actor || (actor->flags & FLAG_STOP)) {
    OPS(heap).child_told(SELF(heap), order->token, order->pid, LH_ENOTFOUND);
  } else if (actor->kind != ACTOR_SERVER) {
    tell_process(heap, actor, order);
  } else {
    lha_cold(actor)->role_token = order->token;
    actor->cold->active = order->count != 0;
    actor->flags |= FLAG_ROLE;
    lha_ready(heap, actor);
  }
}

static void ask_consent(struct heap *heap, const struct order *order) {
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (!actor || (actor->flags & FLAG_STOP)) {
    OPS(heap).child_consented(SELF(heap), order->token, order->pid, LH_ENOTFOUND);
  } else if (actor->kind != ACTOR_SERVER || actor->state != ACTOR_RUNNING ||
             !heap->modules[actor->module].consents) {
    OPS(heap).child_consented(SELF(heap), order->token, order->pid, LH_EINVAL);
  } else {
    lha_cold(actor)->consent_token = order->token;
    actor->flags |= FLAG_CONSENT;
    lha_ready(heap, actor);
  }
}

void lha_child_consented(struct heap *heap, const struct actor *actor, int status) {
  OPS(heap).child_consented(SELF(heap), actor->cold->consent_token, actor->pid, status);
}

void lha_child_told(struct heap *heap, struct actor *actor, int status) {
  OPS(heap).child_told(SELF(heap), actor->cold->role_token, actor->pid, status);
}

static void activate(struct heap *heap, struct order *order) {
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (!actor || (actor->flags & FLAG_STOP)) {
    OPS(heap).child_activated(SELF(heap), order->token, order->pid, LH_ENOTFOUND, "no such actor");
    return;
  }
  if (actor->state != ACTOR_HELD && actor->state != ACTOR_FROZEN) {
    OPS(heap).child_activated(SELF(heap), order->token, order->pid, LH_EINVAL,
                              "the child does not wait for its state");
    return;
  }
  struct cold *cold = lha_cold(actor);
  lh_buf_free(&cold->handed);
  cold->handed = order->bytes;
  order->bytes = LH_BUF_EMPTY;
  cold->activate_token = order->token;
  if (actor->child) actor->child->generation = order->generation;
  actor->flags |= FLAG_ACTIVATE;
  lha_ready(heap, actor);
}

void lha_child_order(struct heap *heap, struct order *order) {
  switch (order->kind) {
  case ORDER_STOP:
    stop(heap, order);
    break;
  case ORDER_FREEZE:
    freeze(heap, order);
    break;
  case ORDER_THAW:
    thaw(heap, order);
    break;
  case ORDER_DESCRIBE:
    describe(heap, order);
    break;
  case ORDER_ROLE:
    tell_role(heap, order);
    break;
  case ORDER_CONSENT:
    ask_consent(heap, order);
    break;
  case ORDER_ACTIVATE:
    activate(heap, order);
    break;
  default:
    break;
  }
}

// --- carrying them out ---

static void begin(struct heap *heap, struct actor *actor, enum phase phase, lh_ms limit) {
  struct task *task = lha_task_take(heap, actor, phase);
  if (!task) {
    if (phase == PHASE_TERMINATE) {
      stop_time_over(heap, &actor->cold->stop_timer);
    } else {
      lha_child_done(heap, actor, phase, LH_EFAILED, lh_bytes(NULL, 0),
                     "the heap's memory limit is reached");
    }
    return;
  }
  lha_task_limit(heap, task, limit == LH_NEVER ? LH_NEVER : heap->now + limit);
  lua_pushcfunction(task->co, lha_server_entry(phase));
  lha_actor_run(heap, actor);
}

bool lha_child_step(struct heap *heap, struct actor *actor) {
  if (actor->flags & FLAG_STOP) {
    if (actor->kind != ACTOR_SERVER || actor->state == ACTOR_STOPPING) return true;
    actor->state = ACTOR_STOPPING;
    actor->flags &= (uint16_t)~FLAG_FREEZE;
    begin(heap, actor, PHASE_TERMINATE, LH_NEVER);
    return true;
  }
  if (actor->flags & FLAG_FREEZE) {
    actor->flags &= (uint16_t)~FLAG_FREEZE;
    begin(heap, actor, PHASE_HANDOVER, LH_INIT_MS);
    return true;
  }
  if (actor->flags & FLAG_ACTIVATE) {
    actor->flags &= (uint16_t)~FLAG_ACTIVATE;
    if (actor->cold->handed.len > 0) {
      begin(heap, actor, PHASE_TAKEOVER, LH_INIT_MS);
    } else {
      lha_child_done(heap, actor, PHASE_TAKEOVER, 0, lh_bytes(NULL, 0), NULL);
    }
    return true;
  }
  return false;
}

static void frozen(struct heap *heap, struct actor *actor, int status, struct lh_bytes state,
                   const char *error) {
  if (status != 0 && actor->state == ACTOR_FROZEN) actor->state = ACTOR_RUNNING;
  OPS(heap).child_frozen(SELF(heap), actor->cold->freeze_token, actor->pid, status, state, error);
}

static void activated(struct heap *heap, struct actor *actor, int status, const char *error) {
  if (status == 0) actor->state = ACTOR_RUNNING;
  lh_buf_free(&actor->cold->handed);
  OPS(heap).child_activated(SELF(heap), actor->cold->activate_token, actor->pid, status, error);
}

// The end of handover or takeover.
void lha_child_done(struct heap *heap, struct actor *actor, enum phase phase, int status,
                    struct lh_bytes state, const char *error) {
  if (status != 0) state = lh_bytes(NULL, 0);
  if (phase == PHASE_HANDOVER) {
    frozen(heap, actor, status, state, status != 0 ? error : NULL);
  } else {
    activated(heap, actor, status, status != 0 ? error : NULL);
  }
  lha_ready(heap, actor);
}

// --- the end ---

void lha_child_ran(struct heap *heap, struct actor *actor, int status, struct lh_bytes result,
                   const char *error) {
  struct cold *cold = actor->cold;
  if (!cold || !cold->runs) return;
  cold->runs = false;
  OPS(heap).ran(SELF(heap), cold->run_token, status, result, error);
}

void lha_child_ended(struct heap *heap, struct actor *actor, lh_pid pid, enum lh_ended how,
                     const char *text) {
  struct cold *cold = actor->cold;
  if (actor->child || cold) lha_birth_flush(heap);  // nobody hears of an end before the start
  lha_child_ran(heap, actor, LH_EFAILED, lh_bytes(NULL, 0), text);
  if (cold && (actor->flags & FLAG_FREEZE)) {
    OPS(heap).child_frozen(SELF(heap), cold->freeze_token, pid, LH_ENOTFOUND, lh_bytes(NULL, 0),
                           text);
  }
  if (cold && (actor->flags & FLAG_ACTIVATE)) {
    OPS(heap).child_activated(SELF(heap), cold->activate_token, pid, LH_ENOTFOUND, text);
  }
  if (cold && cold->stops) {
    atomic_fetch_add(&heap->actors->stops, 1);
    OPS(heap).child_stopped(SELF(heap), cold->stop_token, pid, cold->killed);
  } else if (actor->child) {
    const struct lh_child_ended ended = {
        .token = actor->child->token, .pid = pid, .how = how, .reason = text};
    OPS(heap).child_ended(SELF(heap), &ended);
  }
}
