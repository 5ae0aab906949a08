// delayed.c - luahub.send_after and cancel.
//
// A delayed message belongs to the heap, not to the actor that sent it: it is delivered also when
// that one has ended. The main program's are sent while it waits.
#include "actor/internal.h"

struct delayed {
  struct timer timer;
  uint64_t ref;
  struct lh_msg *msg;
};

static struct lh_msg *take(struct heap *heap, struct delayed *delayed) {
  struct lh_msg *msg = delayed->msg;
  lh_map_remove(&heap->sends, &delayed->ref, sizeof delayed->ref);
  lha_timer_cancel(heap, &delayed->timer);
  lh_free(delayed);
  return msg;
}

static void fire(struct heap *heap, struct timer *timer) {
  struct lh_msg *msg = take(heap, LH_ENTRY(timer, struct delayed, timer));
  lha_send(heap->actors, heap, msg);
}

void lha_delayed_free_all(struct heap *heap) {
  while (heap->sends.count > 0) lh_msg_free(take(heap, heap->sends.entries[0].value));
  lh_map_free(&heap->sends);
}

static int send_after(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  luaL_checknumber(L, 1);
  const lh_ms at = lha_deadline(L, heap, 1, 0);
  const lh_pid pid = lh_script_check_pid(L, 2);
  luaL_checkany(L, 3);
  if (heap->sends.count >= LH_TIMERS_MAX) {
    atomic_fetch_add(&heap->actors->timers_full, 1);
    return lh_script_fail(L, "limit", "%d messages are waiting for their time", (int)LH_TIMERS_MAX);
  }
  struct lh_error error;
  const struct lh_bytes body = lha_encode(L, heap, 3, &error);
  if (body.len == 0) return lha_unsendable(L, heap, &error);
  struct delayed *delayed = LH_NEW(struct delayed);
  delayed->timer.fire = fire;
  delayed->ref = lha_heap_ref(heap);
  delayed->msg = lh_msg_new(LH_MSG_SEND, pid, self->pid, 0, body);
  lh_map_put(&heap->sends, &delayed->ref, sizeof delayed->ref, delayed);
  lha_timer_set(heap, &delayed->timer, at);
  lua_pushinteger(L, (lua_Integer)delayed->ref);
  return 1;
}

static int cancel(lua_State *L) {
  struct heap *heap;
  lha_self(L, &heap);
  const uint64_t ref = (uint64_t)luaL_checkinteger(L, 1);
  struct delayed *delayed = lh_map_get(&heap->sends, &ref, sizeof ref);
  if (delayed) lh_msg_free(take(heap, delayed));
  lua_pushboolean(L, delayed != NULL);
  return 1;
}

const luaL_Reg lha_api_delayed[] = {{"send_after", send_after}, {"cancel", cancel}, {NULL, NULL}};
