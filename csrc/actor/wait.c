// wait.c - waiting for an answer, a message or a time, with a deadline; answers kept for later.
//
// An actor waits in its task, once at a time; its Lua yields. The main program waits on its own
// thread and may do so several deep, since it answers policy questions meanwhile: its waits form a
// chain. An answer is matched by its ref; one that nobody waits for any more is dropped.
//
//   begin --> (send the question) --> finish --> over --> the continuation calls end
#include "actor/internal.h"

void lha_hold(struct heap *heap, struct lh_msg *msg) {
  if (heap->held) lh_msg_free(heap->held);
  heap->held = msg;
}

void lha_wait_over(struct heap *heap, struct wait *wait, struct lh_msg *got) {
  wait->over = true;
  wait->got = got;
  lha_timer_cancel(heap, &wait->timer);
  if (wait->actor->kind == ACTOR_MAIN) return;  // its thread looks at `over`
  wait->actor->task->runnable = true;
  lha_ready(heap, wait->actor);
}

static void deadline_passed(struct heap *heap, struct timer *timer) {
  lha_wait_over(heap, LH_ENTRY(timer, struct wait, timer), NULL);
}

struct wait *lha_wait_begin(lua_State *L, struct heap *heap, struct wait *local,
                            enum wait_kind kind, lh_ms until) {
  struct actor *actor = heap->current ? heap->current : heap->main_actor;
  struct wait *wait = local;
  const bool is_main = actor && actor->kind == ACTOR_MAIN;
  if (!is_main && (!actor || !actor->task || !lh_script_can_wait(L))) {
    luaL_error(L,
               "cannot wait here: not inside a function that C called (table.sort, string.gsub, a "
               "finalizer, the loading of a module, a strategy)");
    return NULL;  // luaL_error does not come back; its declaration does not say so
  }
  if (!is_main) wait = &actor->task->wait;
  *wait = (struct wait){
      .timer = {.fire = deadline_passed}, .actor = actor, .outer = actor->wait, .kind = kind};
  actor->wait = wait;
  lha_timer_set(heap, &wait->timer, until);
  return wait;
}

int lha_wait_finish(lua_State *L, struct heap *heap, struct wait *wait, lua_KFunction k) {
  if (wait->actor->kind == ACTOR_MAIN) {
    lha_main_block(heap, L, wait);
    lua_settop(L, 0);
    return k(L, LUA_OK, (lua_KContext)wait);
  }
  lua_settop(L, 0);
  return lh_script_wait(L, (lua_KContext)wait, k);
}

static void leave(struct heap *heap, struct wait *wait) {
  struct wait **at = &wait->actor->wait;
  while (*at && *at != wait) at = &(*at)->outer;
  if (*at) *at = wait->outer;
  lha_timer_cancel(heap, &wait->timer);
  wait->kind = WAIT_NONE;
}

struct lh_msg *lha_wait_end(lua_State *L, struct heap *heap, struct wait *wait) {
  leave(heap, wait);
  lha_hold(heap, wait->got);
  wait->got = NULL;
  if (wait->interrupted) luaL_error(L, "interrupted!");
  return heap->held;
}

// For a task that is not resumed any more.
void lha_wait_cancel(struct heap *heap, struct wait *wait) {
  if (wait->kind == WAIT_NONE) return;
  leave(heap, wait);
  if (wait->got) lh_msg_free(wait->got);
  wait->got = NULL;
}

// --- what arrives ---

// Gives an answer to whoever asked. False when nobody waits for it.
bool lha_wait_answer(struct heap *heap, struct actor *actor, struct lh_msg *msg) {
  for (struct wait *wait = actor->wait; wait; wait = wait->outer) {
    if (wait->kind != WAIT_ANSWER || wait->ref != msg->ref || wait->over) continue;
    lha_wait_over(heap, wait, msg);
    return true;
  }
  struct future *future = lha_future_find(actor, msg->ref);
  if (!future || future->answer) return false;
  future->answer = msg;
  return true;
}

bool lha_wait_message(struct heap *heap, struct actor *actor, struct lh_msg *msg) {
  struct wait *wait = actor->wait;
  if (wait->kind != WAIT_MESSAGE || wait->over) return false;
  lha_wait_over(heap, wait, msg);
  return true;
}

// --- answers kept ---

struct future *lha_future_find(struct actor *actor, uint64_t ref) {
  if (!actor->cold) return NULL;
  struct future *future = actor->cold->futures;
  while (future && future->ref != ref) future = future->next;
  return future;
}

struct future *lha_future_new(struct actor *actor, uint64_t ref, lh_pid pid) {
  struct cold *cold = lha_cold(actor);
  if (cold->future_count >= FUTURES_MAX) return NULL;
  struct future *future = LH_NEW(struct future);
  *future = (struct future){.next = cold->futures, .ref = ref, .pid = pid};
  cold->futures = future;
  cold->future_count++;
  return future;
}

void lha_future_free(struct actor *actor, struct future *future) {
  for (struct future **at = &actor->cold->futures; *at; at = &(*at)->next) {
    if (*at != future) continue;
    *at = future->next;
    actor->cold->future_count--;
    if (future->answer) lh_msg_free(future->answer);
    lh_free(future);
    return;
  }
}

void lha_future_free_all(struct actor *actor) {
  while (actor->cold && actor->cold->futures) lha_future_free(actor, actor->cold->futures);
}

// --- a node is gone ---

static struct lh_msg *unknown_outcome(lh_pid to, uint64_t ref) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_array(&body, 2);
  lh_write_cstr(&body, "unknown_outcome");
  lh_write_cstr(&body, "the node is gone; the call may have been carried out");
  struct lh_msg *msg = lh_msg_new(LH_MSG_FAIL, to, 0, ref, lh_bytes_of(&body));
  lh_buf_free(&body);
  return msg;
}

void lha_wait_node_down(struct heap *heap, struct actor *actor, uint32_t node) {
  for (struct wait *wait = actor->wait; wait; wait = wait->outer) {
    if (wait->kind != WAIT_ANSWER || wait->over || lh_pid_node(wait->pid) != node) continue;
    lha_wait_over(heap, wait, unknown_outcome(actor->pid, wait->ref));
  }
  for (struct future *future = actor->cold ? actor->cold->futures : NULL; future;
       future = future->next) {
    if (future->answer || lh_pid_node(future->pid) != node) continue;
    future->answer = unknown_outcome(actor->pid, future->ref);
  }
}

// --- deadlines ---

// The time `ms` (argument `arg`) from now; `otherwise` when it is absent (LH_NEVER stays never).
lh_ms lha_deadline(lua_State *L, struct heap *heap, int arg, lh_ms otherwise) {
  lh_ms ms = otherwise;
  if (!lua_isnoneornil(L, arg)) {
    const lua_Number number = luaL_checknumber(L, arg);
    luaL_argcheck(L, number >= 0, arg, "milliseconds expected, 0 or more");
    ms = number < (lua_Number)DEADLINE_MAX_MS ? (lh_ms)number : DEADLINE_MAX_MS;
  }
  if (ms == LH_NEVER) return LH_NEVER;
  return lh_env_now(heap->actors->config.env) + ms;
}
