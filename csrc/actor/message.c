// message.c - messages: made, answered, and sent to wherever their receiver lives. Any thread.
#include "actor/internal.h"

static struct lh_msg *fill(struct lh_msg *msg, enum lh_msg_kind kind, lh_pid to, lh_pid from,
                           uint64_t ref, struct lh_bytes body) {
  *msg = (struct lh_msg){
      .to = to, .from = from, .ref = ref, .kind = (uint8_t)kind, .len = (uint32_t)body.len};
  if (body.len > 0) memcpy(msg->body, body.data, body.len);
  return msg;
}

struct lh_msg *lh_msg_new(enum lh_msg_kind kind, lh_pid to, lh_pid from, uint64_t ref,
                          struct lh_bytes body) {
  return fill(lh_alloc(sizeof(struct lh_msg) + body.len), kind, to, from, ref, body);
}

struct lh_msg *lh_msg_try_new(enum lh_msg_kind kind, lh_pid to, lh_pid from, uint64_t ref,
                              struct lh_bytes body) {
  struct lh_msg *msg = lh_try_alloc(sizeof(struct lh_msg) + body.len);
  return msg != NULL ? fill(msg, kind, to, from, ref, body) : NULL;
}

void lh_msg_free(struct lh_msg *msg) { lh_free(msg); }

bool lha_is_self(const struct lh_actors *actors, lh_pid pid) {
  const uint32_t node = lh_pid_node(pid);
  if (node == atomic_load_explicit(&actors->self_node, memory_order_relaxed)) return true;
  for (size_t i = 0; i < FORMER_MAX; i++) {
    const uint32_t former = atomic_load_explicit(&actors->former[i], memory_order_relaxed);
    if (former == 0) return false;
    if (former == node) return true;
  }
  return false;
}

// Two pids of ours may differ in the run they carry.
bool lha_same_actor(const struct lh_actors *actors, lh_pid a, lh_pid b) {
  if (a == b) return true;
  return lh_pid_local(a) == lh_pid_local(b) && lha_is_self(actors, a) && lha_is_self(actors, b);
}

lh_pid lha_service_pid(const struct lh_actors *actors) {
  return lh_pid_make(atomic_load(&actors->self_node), lh_pid_local_make(HEAP_SERVICE, 0, 1));
}

void lha_send(struct lh_actors *actors, struct heap *from, struct lh_msg *msg) {
  if (!lha_is_self(actors, msg->to)) {
    actors->ops.route(actors->self, msg);
    return;
  }
  const uint32_t index = lh_pid_heap(msg->to);
  if (index == HEAP_SERVICE) {
    actors->ops.service(actors->self, msg);
    return;
  }
  struct heap *heap = atomic_load_explicit(&actors->heaps[index], memory_order_acquire);
  if (!heap) {
    lha_undeliverable(actors, from, msg, "not_found", "no such actor");
  } else if (heap == from) {
    lha_deliver(heap, msg);
  } else {
    lha_heap_post(heap, msg);
  }
}

void lha_answer_fail(struct lh_actors *actors, struct heap *heap, const struct lh_msg *call,
                     const char *code, const char *text) {
  if (call->from == 0) return;
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_array(&body, 2);
  lh_write_cstr(&body, code);
  lh_write_cstr(&body, text);
  lha_send(actors, heap,
           lh_msg_new(LH_MSG_FAIL, call->from, call->to, call->ref, lh_bytes_of(&body)));
  lh_buf_free(&body);
}

void lha_dropped(struct lh_actors *actors, struct lh_msg *msg) {
  atomic_fetch_add(&actors->dropped, 1);
  lh_msg_free(msg);
}

// For a message that reaches nobody: whoever waits for an answer gets one. Takes the message.
void lha_undeliverable(struct lh_actors *actors, struct heap *heap, struct lh_msg *msg,
                       const char *code, const char *text) {
  switch (msg->kind) {
  case LH_MSG_CALL:
    lha_answer_fail(actors, heap, msg, code, text);
    lh_msg_free(msg);
    break;
  case LH_MSG_MONITOR:
  case LH_MSG_LINK:
    lha_link_unknown(actors, heap, msg);
    break;
  default:
    lha_dropped(actors, msg);
  }
}

void lh_actors_deliver(struct lh_actors *actors, struct lh_msg *msg) {
  lha_send(actors, NULL, msg);
}

void lh_actors_gather(struct lh_actors *actors, struct lh_msg *msg) {
  const uint32_t index = lh_pid_heap(msg->to);
  struct heap *heap = lha_is_self(actors, msg->to) && index != HEAP_SERVICE
                          ? atomic_load_explicit(&actors->heaps[index], memory_order_acquire)
                          : NULL;
  if (heap)
    lha_heap_gather(heap, msg);
  else
    lha_send(actors, NULL, msg);
}
