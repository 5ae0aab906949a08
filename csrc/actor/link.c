// link.c - monitors and links: who learns that an actor ended.
//
// Both ends keep a tie. A monitor: the watcher's `watched` has (target, ref), the target's
// `watchers` has (watcher, ref). A link: each has the other in `links`. The messages between them
// are routed by pid like all others, so an end may be on another node; when that node is gone,
// lha_link_node_down speaks for it.
#include "actor/internal.h"

static void add(struct tie **list, lh_pid pid, uint64_t ref) {
  struct tie *tie = LH_NEW(struct tie);
  *tie = (struct tie){.next = *list, .pid = pid, .ref = ref};
  *list = tie;
}

// Takes out the tie with this end and ref; false when there is none.
static bool take(const struct lh_actors *actors, struct tie **list, lh_pid pid, uint64_t ref) {
  for (struct tie **at = list; *at; at = &(*at)->next) {
    struct tie *tie = *at;
    if (tie->ref != ref || !lha_same_actor(actors, tie->pid, pid)) continue;
    *at = tie->next;
    lh_free(tie);
    return true;
  }
  return false;
}

static bool has(const struct lh_actors *actors, const struct tie *list, lh_pid pid) {
  for (; list; list = list->next) {
    if (lha_same_actor(actors, list->pid, pid)) return true;
  }
  return false;
}

static void tell(struct heap *heap, enum lh_msg_kind kind, lh_pid to, lh_pid from, uint64_t ref,
                 struct lh_bytes body) {
  lha_send(heap->actors, heap, lh_msg_new(kind, to, from, ref, body));
}

static struct lh_msg *with_reason(enum lh_msg_kind kind, lh_pid to, lh_pid from, uint64_t ref,
                                  const char *reason) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_cstr(&body, reason);
  struct lh_msg *msg = lh_msg_new(kind, to, from, ref, lh_bytes_of(&body));
  lh_buf_free(&body);
  return msg;
}

// A monitor or link that reached nobody. Takes the message.
void lha_link_unknown(struct lh_actors *actors, struct heap *heap, struct lh_msg *msg) {
  const enum lh_msg_kind kind = msg->kind == LH_MSG_MONITOR ? LH_MSG_DOWN : LH_MSG_EXIT;
  lha_send(actors, heap, with_reason(kind, msg->from, msg->to, msg->ref, "not_found"));
  lh_msg_free(msg);
}

// --- messages ---

static bool is_normal(struct lh_bytes reason) {
  struct lh_buf normal = LH_BUF_EMPTY;
  lh_write_cstr(&normal, "normal");
  const bool equal = lh_bytes_equal(reason, lh_bytes_of(&normal));
  lh_buf_free(&normal);
  return equal;
}

static void exited(struct heap *heap, struct actor *actor, struct lh_msg *msg) {
  const struct lh_bytes reason = lh_bytes(msg->body, msg->len);
  if (!actor->cold || !take(heap->actors, &actor->cold->links, msg->from, 0)) {
    lha_dropped(heap->actors, msg);
  } else if ((actor->flags & FLAG_TRAP) || actor->kind == ACTOR_MAIN) {
    lha_mailbox_put(heap, actor, msg);
  } else {
    if (!is_normal(reason)) lha_actor_kill(heap, actor, reason);
    lh_msg_free(msg);
  }
}

static void down(struct heap *heap, struct actor *actor, struct lh_msg *msg) {
  if (actor->cold && take(heap->actors, &actor->cold->watched, msg->from, msg->ref)) {
    lha_mailbox_put(heap, actor, msg);
  } else {
    lha_dropped(heap->actors, msg);
  }
}

static void tied(struct heap *heap, struct actor *actor, const struct lh_msg *msg) {
  struct cold *cold = lha_cold(actor);
  switch (msg->kind) {
  case LH_MSG_MONITOR:
    add(&cold->watchers, msg->from, msg->ref);
    break;
  case LH_MSG_DEMONITOR:
    take(heap->actors, &cold->watchers, msg->from, msg->ref);
    break;
  case LH_MSG_LINK:
    if (!has(heap->actors, cold->links, msg->from)) add(&cold->links, msg->from, 0);
    break;
  default:
    take(heap->actors, &cold->links, msg->from, 0);
  }
}

// Takes the message; `actor` is NULL when there is none of that pid.
void lha_link_deliver(struct heap *heap, struct actor *actor, struct lh_msg *msg) {
  if (!actor) {
    lha_undeliverable(heap->actors, heap, msg, "not_found", "no such actor");
  } else if (msg->kind == LH_MSG_EXIT) {
    exited(heap, actor, msg);
  } else if (msg->kind == LH_MSG_DOWN) {
    down(heap, actor, msg);
  } else {
    tied(heap, actor, msg);
    lh_msg_free(msg);
  }
}

// --- ends ---

static void free_ties(struct tie **list) {
  while (*list) {
    struct tie *tie = *list;
    *list = tie->next;
    lh_free(tie);
  }
}

void lha_link_free(struct cold *cold) {
  free_ties(&cold->watchers);
  free_ties(&cold->watched);
  free_ties(&cold->links);
}

// Tells everybody tied to an actor that it ended.
void lha_link_end(struct heap *heap, struct actor *actor, struct lh_bytes reason) {
  struct cold *cold = actor->cold;
  if (!cold) return;
  for (struct tie *tie = cold->watchers; tie; tie = tie->next) {
    tell(heap, LH_MSG_DOWN, tie->pid, actor->pid, tie->ref, reason);
  }
  for (struct tie *tie = cold->links; tie; tie = tie->next) {
    tell(heap, LH_MSG_EXIT, tie->pid, actor->pid, 0, reason);
  }
  for (struct tie *tie = cold->watched; tie; tie = tie->next) {
    tell(heap, LH_MSG_DEMONITOR, tie->pid, actor->pid, tie->ref, lh_bytes(NULL, 0));
  }
  lha_link_free(cold);
}

// --- a node is gone ---

// Delivers, for each tie to the node, the message that it would have sent. The list changes
// meanwhile.
static void speak_for(struct heap *heap, struct actor *actor, struct tie **list, uint32_t node,
                      enum lh_msg_kind kind) {
  struct tie **at = list;
  while (*at) {
    if (lh_pid_node((*at)->pid) != node) {
      at = &(*at)->next;
      continue;
    }
    struct lh_msg *msg = with_reason(kind, actor->pid, (*at)->pid, (*at)->ref, "node_down");
    lha_deliver(heap, msg);
    at = list;
  }
}

static void forget_watchers(struct cold *cold, uint32_t node) {
  struct tie **at = &cold->watchers;
  while (*at) {
    struct tie *tie = *at;
    if (lh_pid_node(tie->pid) == node) {
      *at = tie->next;
      lh_free(tie);
    } else {
      at = &tie->next;
    }
  }
}

void lha_link_node_down(struct heap *heap, uint32_t node) {
  for (uint32_t i = 0; i < heap->slot_count; i++) {
    struct actor *actor = heap->slots[i].actor;
    if (!actor) continue;
    lha_wait_node_down(heap, actor, node);
    if (!actor->cold) continue;
    forget_watchers(actor->cold, node);
    speak_for(heap, actor, &actor->cold->watched, node, LH_MSG_DOWN);
    speak_for(heap, actor, &actor->cold->links, node, LH_MSG_EXIT);
  }
}

// --- Lua ---

static int monitor(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  const lh_pid pid = lh_script_check_pid(L, 1);
  const uint64_t ref = lha_heap_ref(heap);
  add(&lha_cold(self)->watched, pid, ref);
  tell(heap, LH_MSG_MONITOR, pid, self->pid, ref, lh_bytes(NULL, 0));
  lua_pushinteger(L, (lua_Integer)ref);
  return 1;
}

static int demonitor(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  const uint64_t ref = (uint64_t)luaL_checkinteger(L, 1);
  lh_pid pid = 0;
  if (self->cold) {
    for (struct tie *tie = self->cold->watched; tie && pid == 0; tie = tie->next) {
      if (tie->ref == ref) pid = tie->pid;
    }
  }
  if (pid != 0) {
    take(heap->actors, &self->cold->watched, pid, ref);
    tell(heap, LH_MSG_DEMONITOR, pid, self->pid, ref, lh_bytes(NULL, 0));
  }
  lha_mailbox_drop_down(heap, self, ref);
  lua_pushboolean(L, pid != 0);
  return 1;
}

static int link_to(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  const lh_pid pid = lh_script_check_pid(L, 1);
  struct cold *cold = lha_cold(self);
  if (!lha_same_actor(heap->actors, pid, self->pid) && !has(heap->actors, cold->links, pid)) {
    add(&cold->links, pid, 0);
    tell(heap, LH_MSG_LINK, pid, self->pid, 0, lh_bytes(NULL, 0));
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int unlink_from(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  const lh_pid pid = lh_script_check_pid(L, 1);
  if (self->cold && take(heap->actors, &self->cold->links, pid, 0)) {
    tell(heap, LH_MSG_UNLINK, pid, self->pid, 0, lh_bytes(NULL, 0));
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int trap_exit(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  const bool before = (self->flags & FLAG_TRAP) != 0;
  if (lua_toboolean(L, 1)) {
    self->flags |= FLAG_TRAP;
  } else {
    self->flags &= (uint16_t)~FLAG_TRAP;
  }
  lua_pushboolean(L, before);
  return 1;
}

const luaL_Reg lha_api_link[] = {{"monitor", monitor},     {"demonitor", demonitor},
                                 {"link", link_to},        {"unlink", unlink_from},
                                 {"trap_exit", trap_exit}, {NULL, NULL}};
