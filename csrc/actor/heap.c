// heap.c - one lua_State, its inbox, its queue of ready actors, and the slice that runs them.
//
// A heap's struct lives as long as the actors: when its state is closed it goes on to answer "not
// found" to what still arrives, so that a sender needs no lock to find it. Any thread posts; one
// thread at a time runs a slice. See the picture in internal.h.
#include "actor/internal.h"

static const char heap_key;  // its address names the heap in a state's registry

struct heap *lha_heap_new(struct lh_actors *actors, uint32_t index, enum heap_kind kind,
                          struct sched *home) {
  struct heap *heap = LH_NEW(struct heap);
  heap->actors = actors;
  heap->index = index;
  atomic_store(&heap->kind, (int)kind);
  atomic_store(&heap->home, home);
  heap->serial_start = heap->serial_top = 1;
  heap->next_ref = 1;
  heap->free_first = heap->free_last = UINT32_MAX;
  atomic_store(&heap->due_at, LH_NEVER);
  return heap;
}

static void free_inbox(struct heap *heap) {
  struct lh_msg *msg = atomic_exchange(&heap->inbox, NULL);
  while (msg) {
    struct lh_msg *next = msg->next;
    if (msg->kind == MSG_ORDER) lha_order_free((struct order *)(uintptr_t)msg->ref);
    lh_msg_free(msg);
    msg = next;
  }
  atomic_store(&heap->inbox_count, 0);
  atomic_store(&heap->inbox_bytes, 0);
}

// On the thread that freed everything that ran: nothing else touches the heap.
void lha_heap_free(struct heap *heap) {
  lha_heap_close(heap);
  free_inbox(heap);
  lh_free(heap);
}

struct heap *lha_heap_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &heap_key);
  struct heap *heap = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return heap;
}

struct heap *lha_heap_check(lua_State *L) {
  struct heap *heap = lha_heap_of(L);
  if (!heap) luaL_error(L, "no node is running in this program (start one first)");
  return heap;
}

// Ties a state to its heap, or unties it (heap NULL).
static void bind_state(lua_State *L, void *data) {
  if (data) {
    lua_pushlightuserdata(L, data);
  } else {
    lua_pushnil(L);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &heap_key);
}

static void prepare_state(lua_State *L, void *data) {
  const struct heap *heap = data;
  const struct lh_actors_config *config = &heap->actors->config;
  bind_state(L, data);
  lha_os_open(L);
  if (config->heap_opened) config->heap_opened(config->heap_data, L);
}

// Gives the heap its state: one of its own, or the main program's, which is adopted by main.c.
int lha_heap_open(struct heap *heap, struct lh_error *error) {
  if (heap->L) {
    if (heap->kind == KIND_MAIN) return lh_script_guard(heap->L, bind_state, heap, error);
    return 0;
  }
  const struct lh_actors_config *config = &heap->actors->config;
  const struct lh_script_config script = {.path = config->path,
                                          .cpath = config->cpath,
                                          .open_core = config->open_core,
                                          .memory_max = config->heap_memory,
                                          .memory_refused = &heap->actors->memory_refused,
                                          .runs = config->runs};
  heap->L = lh_script_open(&script, heap, error);
  if (!heap->L) return LH_ENOMEM;
  if (lh_script_guard(heap->L, prepare_state, heap, error) != 0) {
    lh_script_close(heap->L);
    heap->L = NULL;
    return LH_ENOMEM;
  }
  if (!heap->actors->threaded || PREEMPT_BY_COUNT) {
    lh_script_preempt_every(heap->L, STEP_INSTRUCTIONS);
  }
  atomic_fetch_add(&heap->actors->heaps_open, 1);
  return 0;
}

static void free_modules(struct heap *heap) {
  for (int i = 0; i < heap->module_count; i++) lh_free(heap->modules[i].name);
  lh_free(heap->modules);
  heap->modules = NULL;
  heap->module_count = 0;
  lh_map_free(&heap->module_index);
  for (size_t i = 0; i < heap->hubs.count; i++) lh_free(heap->hubs.entries[i].value);
  lh_map_free(&heap->hubs);
}

static void free_births(struct heap *heap) {
  while (heap->births_first) {
    struct batch *batch = heap->births_first;
    heap->births_first = batch->next;
    lha_batch_free(batch);
  }
  heap->births_last = NULL;
  for (size_t i = 0; i < heap->started_count; i++) lh_free((char *)heap->started[i].error);
  lh_free(heap->started);
  heap->started = NULL;
  heap->started_count = 0;
}

static void free_actors(struct heap *heap) {
  for (uint32_t i = 0; i < heap->slot_count; i++) {
    if (heap->slots[i].actor) lha_actor_free(heap, heap->slots[i].actor);
  }
  lh_free(heap->slots);
  heap->slots = NULL;
  heap->slot_count = heap->slot_cap = heap->live = 0;
  heap->free_first = heap->free_last = UINT32_MAX;
  heap->ready_first = heap->ready_last = NULL;
  heap->serial_start = heap->serial_top;  // a later heap of this index never repeats a pid
}

// Forgets all actors and closes the state; nothing of it runs.
void lha_heap_close(struct heap *heap) {
  free_actors(heap);
  free_births(heap);
  lha_delayed_free_all(heap);
  lha_forward_free_all(heap);
  while (heap->asks_first) {
    struct order *order = heap->asks_first;
    heap->asks_first = order->next;
    lha_order_free(order);
  }
  if (heap->L) {
    lha_task_pool_free(heap);
    if (heap->kind == KIND_MAIN) {
      lh_script_guard(heap->L, bind_state, NULL, NULL);
    } else {
      lh_script_close(heap->L);
      atomic_fetch_sub(&heap->actors->heaps_open, 1);
    }
    heap->L = NULL;
  }
  free_modules(heap);
  lh_heap_free(&heap->timers);
  lh_buf_free(&heap->scratch);
  lh_buf_free(&heap->text);
  lha_hold(heap, NULL);
}

uint64_t lha_heap_ref(struct heap *heap) { return heap->next_ref++; }

void lha_timer_set(struct heap *heap, struct timer *timer, lh_ms at) {
  if (at == LH_NEVER) {
    lh_heap_cancel(&heap->timers, &timer->due);
  } else {
    lh_heap_set(&heap->timers, &timer->due, at);
  }
}

void lha_timer_cancel(struct heap *heap, struct timer *timer) {
  lh_heap_cancel(&heap->timers, &timer->due);
}

// --- posting ---

void lha_heap_wake(struct heap *heap) {
  for (;;) {
    int state = atomic_load(&heap->state);
    if (state == HEAP_QUEUED || state == HEAP_AGAIN) return;
    const int next = state == HEAP_IDLE ? HEAP_QUEUED : HEAP_AGAIN;
    if (!atomic_compare_exchange_weak(&heap->state, &state, next)) continue;
    if (next == HEAP_QUEUED) lha_sched_put(heap->home, heap);
    return;
  }
}

static bool inbox_is_full(struct heap *heap, const struct lh_msg *msg) {
  return atomic_load_explicit(&heap->inbox_count, memory_order_relaxed) >= INBOX_MAX ||
         (lha_is_bulk(msg) &&
          atomic_load_explicit(&heap->inbox_bytes, memory_order_relaxed) + msg->len >
              LH_HEAP_MAIL_MAX);
}

// Counts a message in; refuses it when the inbox is full, and then it is gone.
static bool admit(struct heap *heap, struct lh_msg *msg) {
  if (msg->kind != MSG_ORDER && inbox_is_full(heap, msg)) {
    atomic_fetch_add(&heap->actors->inbox_full, 1);
    lha_undeliverable(heap->actors, NULL, msg, "mailbox_full", "the heap's inbox is full");
    return false;
  }
  atomic_fetch_add_explicit(&heap->inbox_count, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&heap->inbox_bytes, msg->len, memory_order_relaxed);
  return true;
}

// Puts a chain of admitted messages, newest first, before what is there.
static void push_chain(struct heap *heap, struct lh_msg *newest, struct lh_msg *oldest) {
  struct lh_msg *head = atomic_load_explicit(&heap->inbox, memory_order_relaxed);
  do {
    oldest->next = head;
  } while (!atomic_compare_exchange_weak(&heap->inbox, &head, newest));
  lha_heap_wake(heap);
}

void lha_heap_post(struct heap *heap, struct lh_msg *msg) {
  if (admit(heap, msg)) push_chain(heap, msg, msg);
}

// --- gathering --- so that messages that came together wake a heap once

void lha_heap_gather(struct heap *heap, struct lh_msg *msg) {
  struct lh_actors *actors = heap->actors;
  if (!admit(heap, msg)) return;
  msg->next = heap->gathered;
  if (!heap->gathered) {
    heap->gathered_oldest = msg;
    heap->gathered_next = actors->gathered;
    actors->gathered = heap;
  }
  heap->gathered = msg;
}

void lh_actors_flush(struct lh_actors *actors) {
  struct heap *heap = actors->gathered;
  actors->gathered = NULL;
  while (heap) {
    struct heap *next = heap->gathered_next;
    struct lh_msg *newest = heap->gathered;
    heap->gathered = NULL;
    push_chain(heap, newest, heap->gathered_oldest);
    heap = next;
  }
}

// --- the slice ---

static void take_inbox(struct heap *heap) {
  if (!atomic_load_explicit(&heap->inbox, memory_order_acquire)) return;
  struct lh_msg *newest = atomic_exchange(&heap->inbox, NULL);
  struct lh_msg *oldest = NULL;
  unsigned count = 0;
  size_t bytes = 0;
  while (newest) {
    struct lh_msg *next = newest->next;
    bytes += newest->len;
    newest->next = oldest;
    oldest = newest;
    newest = next;
    count++;
  }
  atomic_fetch_sub_explicit(&heap->inbox_count, count, memory_order_relaxed);
  atomic_fetch_sub_explicit(&heap->inbox_bytes, bytes, memory_order_relaxed);
  while (oldest) {
    struct lh_msg *next = oldest->next;
    oldest->next = NULL;
    if (oldest->kind == MSG_ORDER) {
      lha_order_do(heap, (struct order *)(uintptr_t)oldest->ref);
      lh_msg_free(oldest);
    } else {
      lha_deliver(heap, oldest);
    }
    oldest = next;
  }
}

static void fire_timers(struct heap *heap) {
  struct lh_due *due;
  while ((due = lh_heap_pop(&heap->timers, heap->now)) != NULL) {
    struct timer *timer = LH_ENTRY(due, struct timer, due);
    timer->fire(heap, timer);
  }
}

static struct actor *next_ready(struct heap *heap) {
  struct actor *actor = heap->ready_first;
  if (!actor) return NULL;
  heap->ready_first = actor->next;
  if (!heap->ready_first) heap->ready_last = NULL;
  actor->next = NULL;
  actor->flags &= (uint16_t)~FLAG_READY;
  return actor;
}

static bool has_work(const struct heap *heap) { return heap->ready_first || heap->births_first; }

static bool is_spent(const struct heap *heap) {
  const int kind = atomic_load_explicit(&heap->kind, memory_order_relaxed);
  return (kind == KIND_ISOLATED || kind == KIND_DEDICATED) && heap->live == 0 &&
         !heap->births_first && atomic_load(&heap->assigned) == 0;
}

bool lha_heap_slice(struct heap *heap, int turns, int *used) {
  heap->now = lh_env_now(heap->actors->config.env);
  const lh_ms until = heap->now + SLICE_RUN_MS;
  take_inbox(heap);
  if (heap->asks_first && heap->kind != KIND_MAIN) lha_main_answer(heap);
  fire_timers(heap);
  const uint64_t preemptions = atomic_load(&heap->actors->preemptions);
  for (int i = 0; i < turns && heap->now < until && has_work(heap); i++) {
    if (!heap->actors->threaded && atomic_load(&heap->actors->preemptions) != preemptions) break;
    struct actor *actor = next_ready(heap);
    if (actor) lha_actor_turn(heap, actor);
    if (heap->births_first) lha_birth_next(heap);
    if (used) ++*used;
    heap->now = lh_env_now(heap->actors->config.env);
    fire_timers(heap);
  }
  lha_birth_flush(heap);
  if (is_spent(heap)) {
    lha_heap_close(heap);
    lha_place_return(heap);
    return false;
  }
  lha_sched_due(heap, lh_heap_next(&heap->timers));
  return has_work(heap);
}
