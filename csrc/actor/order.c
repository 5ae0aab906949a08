// order.c - what the node asks of a heap: made on any thread, carried out on the heap's.
//
// An order travels through the inbox as a message of a kind of its own, so it keeps its place among
// the messages of the thread that gave it.
#include "actor/internal.h"

struct order *lha_order_new(enum order_kind kind, lh_pid pid) {
  struct order *order = LH_NEW(struct order);
  order->kind = kind;
  order->pid = pid;
  return order;
}

void lha_order_free(struct order *order) {
  if (order->batch) lha_batch_free(order->batch);
  lh_buf_free(&order->text);
  lh_buf_free(&order->bytes);
  lh_free(order);
}

void lha_order_post(struct heap *heap, struct order *order) {
  struct lh_msg *msg =
      lh_msg_new(LH_MSG_SEND, order->pid, 0, (uint64_t)(uintptr_t)order, lh_bytes(NULL, 0));
  msg->kind = MSG_ORDER;
  lha_heap_post(heap, msg);
}

static void take_births(struct heap *heap, struct order *order) {
  struct batch *batch = order->batch;
  order->batch = NULL;
  batch->next = NULL;
  if (heap->births_last) {
    heap->births_last->next = batch;
  } else {
    heap->births_first = batch;
  }
  heap->births_last = batch;
  // Its pid is known to the asker already: it must be there before the next message is looked at.
  const enum birth_kind kind = batch->births[0].kind;
  if (heap->births_first == batch && (kind == BIRTH_SESSION || kind == BIRTH_PROCESS)) {
    lha_birth_next(heap);
  }
}

static void kill(struct heap *heap, const struct order *order) {
  lha_urgent_remove(heap->actors, order->pid, false);
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (actor && actor->kind != ACTOR_MAIN) lha_actor_kill(heap, actor, lh_bytes_of(&order->bytes));
}

// The running Lua of the actor raises; if it waits, its wait does.
static void interrupt(struct heap *heap, const struct order *order) {
  lha_urgent_remove(heap->actors, order->pid, true);
  struct actor *actor = lha_slot_find(heap, order->pid);
  if (!actor || !actor->task) return;
  if (actor->wait && !actor->wait->over) {
    actor->wait->interrupted = true;
    lha_wait_over(heap, actor->wait, NULL);
  } else {
    actor->flags |= FLAG_INTERRUPT;
  }
}

// Takes the order.
void lha_order_do(struct heap *heap, struct order *order) {
  switch (order->kind) {
  case ORDER_BIRTHS:
    take_births(heap, order);
    break;
  case ORDER_KILL:
    kill(heap, order);
    break;
  case ORDER_INTERRUPT:
    interrupt(heap, order);
    break;
  case ORDER_NODE_DOWN:
    lha_link_node_down(heap, order->count);
    break;
  case ORDER_LEASE:
    lha_lease_order(heap, order);
    break;
  case ORDER_ASK:
    lha_main_ask(heap, order);
    return;
  default:
    lha_child_order(heap, order);
  }
  lha_order_free(order);
}
