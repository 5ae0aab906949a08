// main.c - the main program's heap: stock lua5.4's state, run by its own thread.
//
// The main program is one actor, whatever coroutine of it calls. While it waits, its thread blocks
// on the condition variable of a scheduler without a thread, takes what arrives, and answers policy
// questions, which may wait themselves: waits nest, to a limit. With schedulers = 0 that thread
// runs all other heaps meanwhile, too.
#include "actor/internal.h"

static const char policy_key;  // its address names the policy function in the registry

static void adopt(lua_State *L, void *data) {
  const struct lh_actors *actors = data;
  lh_script_adopt(L, actors->config.runs);
}

void lh_actors_attach_main(struct lh_actors *actors, lua_State *L) {
  struct heap *heap = atomic_load(&actors->heaps[HEAP_MAIN]);
  struct lh_error error;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  heap->L = main;
  if (lh_script_guard(L, adopt, actors, &error) != 0 || lha_heap_open(heap, &error) != 0) {
    lh_log(LH_LOG_ERROR, "actor", "the main program cannot be attached: %s", error.text);
    heap->L = NULL;
    return;
  }
  heap->now = lh_env_now(actors->config.env);
  if (heap->main_actor) return;
  heap->main_actor = lha_slot_take(heap);
  heap->main_actor->kind = ACTOR_MAIN;
  heap->main_actor->state = ACTOR_RUNNING;
}

static void fail_asks(struct heap *heap) {
  while (heap->asks_first) {
    struct order *order = heap->asks_first;
    heap->asks_first = order->next;
    heap->actors->ops.answered(heap->actors->self, order->token, LH_EFAILED, lh_bytes(NULL, 0),
                               "the main program is gone");
    lha_order_free(order);
  }
}

// On the main thread, outside any wait.
void lh_actors_detach_main(struct lh_actors *actors) {
  struct heap *heap = atomic_load(&actors->heaps[HEAP_MAIN]);
  if (!heap->L || heap->kind != KIND_MAIN) return;
  fail_asks(heap);
  lha_heap_close(heap);
  heap->main_actor = NULL;
}

// --- policy questions ---

void lh_actors_ask(struct lh_actors *actors, uint64_t token, const char *kind, struct lh_bytes args,
                   uint32_t arg_count) {
  struct order *order = lha_order_new(ORDER_ASK, 0);
  order->token = token;
  order->count = arg_count;
  lh_buf_append(&order->text, kind, strlen(kind));
  lh_buf_append(&order->bytes, args.data, args.len);
  lha_order_post(atomic_load(&actors->heaps[HEAP_MAIN]), order);
}

static bool is_hook(const struct order *order) {
  return lh_bytes_equal(lh_bytes_of(&order->text), lh_bytes_str("hook"));
}

// Somebody waits for the answer to a question about a strategy: it goes before those that call
// hooks.
void lha_main_ask(struct heap *heap, struct order *order) {
  const bool last = is_hook(order);
  struct order **at = &heap->asks_first;
  while (*at != NULL && (last || !is_hook(*at))) at = &(*at)->next;
  order->ms = heap->now + heap->answer_ms;
  order->next = *at;
  *at = order;
}

struct question {
  struct heap *heap;
  struct order *order;
  struct lh_buf answer;
};

static int answer(lua_State *L) {
  struct question *question = lua_touserdata(L, 1);
  const struct order *order = question->order;
  struct lh_runs *runs = question->heap->actors->config.runs;
  const int count = (int)order->count;
  struct lh_error error;
  lua_settop(L, 0);
  luaL_checkstack(L, count + 4, "policy arguments");
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &policy_key) == LUA_TNIL) {
    return luaL_error(L, "no policy function is set");
  }
  lua_pushlstring(L, (const char *)order->text.data, order->text.len);
  if (count > 0 && lh_value_decode(L, lh_bytes_of(&order->bytes), count, runs) != count) {
    return luaL_error(L, "a policy question that cannot be decoded");
  }
  lua_call(L, count + 1, LUA_MULTRET);
  if (lua_gettop(L) == 0) lh_write_nil(&question->answer);
  for (int i = 1; i <= lua_gettop(L); i++) {
    if (lh_value_encode(L, i, &question->answer, LH_MESSAGE_MAX, runs, &error) != 0) {
      return luaL_error(L, "result %d: %s", i, error.text);
    }
  }
  return 0;
}

static void answer_one(struct heap *heap, lua_State *L) {
  struct order *order = heap->asks_first;
  struct question question = {heap, order, LH_BUF_EMPTY};
  struct lh_error error;
  heap->asks_first = order->next;
  heap->ask_depth++;
  int status = LH_EFAILED;
  if (lua_checkstack(L, 4)) {
    lua_pushcfunction(L, answer);
    lua_pushlightuserdata(L, &question);
    status = lh_script_call(L, 1, 0, &error);
  } else {
    lh_fail(&error, LH_EFAILED, "Lua stack overflow");
  }
  heap->ask_depth--;
  heap->actors->ops.answered(heap->actors->self, order->token, status,
                             status == 0 ? lh_bytes_of(&question.answer) : lh_bytes(NULL, 0),
                             status == 0 ? NULL : error.text);
  lh_buf_free(&question.answer);
  lha_order_free(order);
}

// The main heap of a simulated node: no program waits there, so questions are answered in its
// slice.
void lha_main_answer(struct heap *heap) {
  if (lha_heap_open(heap, NULL) != 0) fail_asks(heap);
  while (heap->asks_first && heap->asks_first->ms <= heap->now) answer_one(heap, heap->L);
  if (heap->asks_first) lha_sched_due(heap, heap->asks_first->ms);
}

void lh_actors_slow_main(struct lh_actors *actors, lh_ms ms) {
  atomic_load(&actors->heaps[HEAP_MAIN])->answer_ms = ms;
}

// --- blocking ---

// Without threads the main program's scheduler is everybody's, so this runs all heaps.
void lha_main_block(struct heap *heap, lua_State *L, struct wait *wait) {
  struct lh_actors *actors = heap->actors;
  struct sched *sched = actors->main_sched;
  lha_sched_due(heap, lh_heap_next(&heap->timers));
  while (!wait->over) {
    lha_sched_fire(sched, lh_env_now(actors->config.env));
    struct heap *ready = lha_sched_pop(sched);
    if (ready) lha_sched_run_heap(sched, ready, SLICE_TURNS, NULL);
    const bool asked = heap->asks_first && heap->ask_depth < ASK_DEPTH_MAX;
    if (asked) answer_one(heap, L);
    if (!ready && !asked) lha_sched_wait(sched, LH_NEVER);
  }
}

int lha_set_policy(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &policy_key);
  return 0;
}
