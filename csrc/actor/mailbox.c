// mailbox.c - what happens to a message in its receiver's heap, and the queues of actors.
//
// A message is answered, forwarded, given to whoever waits for it, or queued. Moved actors leave an
// entry with their new pid for FORWARD_MS. Only the thread that runs the heap.
#include "actor/internal.h"

// --- forwarding ---

struct forward {
  struct timer timer;
  uint64_t local;  // the old pid, without its node
  lh_pid to;       // 0: nowhere, but calls learn that it is "not here"
};

static void forward_end(struct heap *heap, struct timer *timer) {
  struct forward *forward = LH_ENTRY(timer, struct forward, timer);
  lh_map_remove(&heap->forwards, &forward->local, sizeof forward->local);
  lh_free(forward);
}

void lha_forward_keep(struct heap *heap, lh_pid pid, lh_pid to) {
  struct forward *forward = LH_NEW(struct forward);
  forward->local = lh_pid_local(pid);
  forward->to = to;
  forward->timer.fire = forward_end;
  lha_timer_set(heap, &forward->timer, heap->now + FORWARD_MS);
  struct forward *old =
      lh_map_put(&heap->forwards, &forward->local, sizeof forward->local, forward);
  if (!old) return;
  lha_timer_cancel(heap, &old->timer);
  lh_free(old);
}

void lha_forward_free_all(struct heap *heap) {
  for (size_t i = 0; i < heap->forwards.count; i++) {
    struct forward *forward = heap->forwards.entries[i].value;
    lha_timer_cancel(heap, &forward->timer);
    lh_free(forward);
  }
  lh_map_free(&heap->forwards);
}

static void deliver_unknown(struct heap *heap, struct lh_msg *msg) {
  const uint64_t local = lh_pid_local(msg->to);
  const struct forward *forward =
      heap->forwards.count ? lh_map_get(&heap->forwards, &local, sizeof local) : NULL;
  if (!forward) {
    lha_undeliverable(heap->actors, heap, msg, "not_found", "no such actor");
  } else if (msg->kind == LH_MSG_CALL) {
    lha_undeliverable(heap->actors, heap, msg, "not_here", "the actor was stopped or has moved");
  } else if (forward->to != 0 && (msg->kind == LH_MSG_CAST || msg->kind == LH_MSG_SEND)) {
    msg->to = forward->to;
    lha_send(heap->actors, heap, msg);
  } else {
    lha_undeliverable(heap->actors, heap, msg, "not_found", "no such actor");
  }
}

// --- queues ---

static void append(struct heap *heap, struct actor *actor, struct lh_msg *msg) {
  msg->next = NULL;
  if (actor->tail) {
    actor->tail->next = msg;
  } else {
    actor->head = msg;
  }
  actor->tail = msg;
  actor->queued++;
  heap->mail_bytes += msg->len;
}

struct lh_msg *lha_mailbox_take(struct heap *heap, struct actor *actor) {
  struct lh_msg *msg = actor->head;
  if (!msg) return NULL;
  actor->head = msg->next;
  if (!actor->head) actor->tail = NULL;
  actor->queued--;
  heap->mail_bytes -= msg->len;
  msg->next = NULL;
  return msg;
}

// What receive() of a server's callback may take: not what `call` and `cast` are for.
static bool is_info(const struct lh_msg *msg) {
  return msg->kind == LH_MSG_SEND || msg->kind == LH_MSG_DOWN || msg->kind == LH_MSG_EXIT ||
         msg->kind == LH_MSG_WATCH;
}

struct lh_msg *lha_mailbox_take_info(struct heap *heap, struct actor *actor) {
  if (actor->kind != ACTOR_SERVER) return lha_mailbox_take(heap, actor);
  struct lh_msg *before = NULL;
  struct lh_msg *msg = actor->head;
  while (msg && !is_info(msg)) {
    before = msg;
    msg = msg->next;
  }
  if (!msg) return NULL;
  if (before) {
    before->next = msg->next;
  } else {
    actor->head = msg->next;
  }
  if (actor->tail == msg) actor->tail = before;
  actor->queued--;
  heap->mail_bytes -= msg->len;
  msg->next = NULL;
  return msg;
}

// Takes out the message of a monitor that its owner no longer wants.
void lha_mailbox_drop_down(struct heap *heap, struct actor *actor, uint64_t ref) {
  struct lh_msg *msg = actor->head;
  actor->head = actor->tail = NULL;
  actor->queued = 0;
  while (msg) {
    struct lh_msg *next = msg->next;
    heap->mail_bytes -= msg->len;
    if (msg->kind == LH_MSG_DOWN && msg->ref == ref) {
      lh_msg_free(msg);
    } else {
      append(heap, actor, msg);
    }
    msg = next;
  }
}

static bool is_full(const struct heap *heap, const struct actor *actor, const struct lh_msg *msg) {
  if (!lha_is_bulk(msg)) return false;  // the end of another is never lost
  return actor->queued >= LH_MAILBOX_MAX || heap->mail_bytes + msg->len > LH_HEAP_MAIL_MAX;
}

void lha_mailbox_put(struct heap *heap, struct actor *actor, struct lh_msg *msg) {
  if (actor->wait && (actor->kind != ACTOR_SERVER || is_info(msg)) &&
      lha_wait_message(heap, actor, msg)) {
    return;
  }
  if (is_full(heap, actor, msg)) {
    atomic_fetch_add(&heap->actors->mailbox_full, 1);
    lha_undeliverable(heap->actors, heap, msg, "mailbox_full", "the actor's mailbox is full");
    return;
  }
  append(heap, actor, msg);
  if (!actor->task && actor->state == ACTOR_RUNNING && actor->kind == ACTOR_SERVER) {
    lha_ready(heap, actor);
  }
}

// Empties the mailbox of an actor that ends: calls are failed, the rest goes to `forward` or is
// dropped.
void lha_mailbox_empty(struct heap *heap, struct actor *actor, const char *code, const char *text,
                       lh_pid forward) {
  struct lh_msg *msg;
  while ((msg = lha_mailbox_take(heap, actor)) != NULL) {
    if (forward != 0 && (msg->kind == LH_MSG_CAST || msg->kind == LH_MSG_SEND)) {
      msg->to = forward;
      lha_send(heap->actors, heap, msg);
    } else if (msg->kind == LH_MSG_CALL) {
      lha_undeliverable(heap->actors, heap, msg, code, text);
    } else {
      lha_dropped(heap->actors, msg);
    }
  }
}

// --- delivery ---

void lha_deliver(struct heap *heap, struct lh_msg *msg) {
  const uint64_t messages = atomic_load_explicit(&heap->messages, memory_order_relaxed);
  atomic_store_explicit(&heap->messages, messages + 1, memory_order_relaxed);
  struct actor *actor = lha_slot_find(heap, msg->to);
  switch (msg->kind) {
  case LH_MSG_REPLY:
  case LH_MSG_FAIL:
    // Late answers, for a wait that is over, are known by their ref and go nowhere.
    if (!actor || !lha_wait_answer(heap, actor, msg)) lha_dropped(heap->actors, msg);
    break;
  case LH_MSG_SEND:
  case LH_MSG_CAST:
  case LH_MSG_CALL:
    if (actor) {
      lha_mailbox_put(heap, actor, msg);
    } else {
      deliver_unknown(heap, msg);
    }
    break;
  case LH_MSG_WATCH:
    if (actor)
      lha_mailbox_put(heap, actor, msg);
    else
      lha_dropped(heap->actors, msg);
    break;
  default:
    lha_link_deliver(heap, actor, msg);
  }
}
