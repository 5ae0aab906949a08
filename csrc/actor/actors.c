// actors.c - all the actors of one node: made, freed, stepped, counted, and the orders of actor.h.
#include "actor/internal.h"

// --- life ---

static void make_scheds(struct lh_actors *actors) {
  for (int i = 0; i < actors->shared_count; i++) {
    actors->scheds[i] = lha_sched_new(actors, SCHED_SHARED);
  }
  atomic_store(&actors->sched_count, actors->shared_count);
  actors->main_sched = actors->threaded ? lha_sched_new(actors, SCHED_MAIN) : actors->scheds[0];
}

struct lh_actors *lh_actors_new(const struct lh_actors_config *config,
                                const struct lh_actors_ops *ops, void *self) {
  struct lh_actors *actors = LH_NEW(struct lh_actors);
  actors->config = *config;
  actors->config.path = config->path ? lh_strdup(config->path) : NULL;
  actors->config.cpath = config->cpath ? lh_strdup(config->cpath) : NULL;
  actors->ops = *ops;
  actors->self = self;
  atomic_store(&actors->self_node, config->self_node);
  actors->threaded = config->schedulers > 0;
  if (actors->config.heap_memory == 0) actors->config.heap_memory = LH_HEAP_MEMORY;
  actors->shared_count = config->schedulers > 0 ? config->schedulers : 1;
  if (actors->shared_count > SCHEDS_MAX / 2) actors->shared_count = SCHEDS_MAX / 2;
  actors->next_heap = HEAP_FIRST;
  atomic_store(&actors->stop_at, LH_NEVER);
  pthread_mutex_init(&actors->lock, NULL);
  pthread_mutex_init(&actors->watch_lock, NULL);
  pthread_mutex_init(&actors->urgent_lock, NULL);
  make_scheds(actors);
  atomic_store(&actors->heaps[HEAP_MAIN],
               lha_heap_new(actors, HEAP_MAIN, config->own_main ? KIND_SHARED : KIND_MAIN,
                            actors->main_sched));
  if (!actors->threaded) return actors;
  lha_watchdog_start(actors);
  for (int i = 0; i < actors->shared_count; i++) lha_sched_start(actors->scheds[i]);
  return actors;
}

bool lh_actors_have_threads(const struct lh_actors *actors) {
  if (!actors->threaded) return true;
  for (int i = 0; i < actors->shared_count; i++) {
    if (!actors->scheds[i]->has_thread) return false;
  }
  return actors->watched;
}

static void join_all(struct lh_actors *actors, lh_ms grace) {
  pthread_mutex_lock(&actors->lock);  // nobody starts a thread after this
  atomic_store(&actors->stop_at, lh_env_now(actors->config.env) + grace);
  atomic_store(&actors->stopping, true);
  const int count = atomic_load(&actors->sched_count);
  pthread_mutex_unlock(&actors->lock);
  for (int i = 0; i < count; i++) lha_sched_wake(actors->scheds[i]);
  for (int i = 0; i < count; i++) {
    if (actors->scheds[i]->has_thread) pthread_join(actors->scheds[i]->thread, NULL);
  }
  lha_watchdog_stop(actors);
}

static void free_heaps(struct lh_actors *actors) {
  for (uint32_t i = 0; i < LH_HEAPS_MAX; i++) {
    struct heap *heap = atomic_load(&actors->heaps[i]);
    if (heap) lha_heap_free(heap);
  }
  lh_free(actors->free_heaps);
  lh_free(actors->shared);
}

static void free_scheds(struct lh_actors *actors) {
  const int count = atomic_load(&actors->sched_count);
  if (actors->threaded) lha_sched_free(actors->main_sched);
  for (int i = 0; i < count; i++) lha_sched_free(actors->scheds[i]);
}

void lh_actors_free(struct lh_actors *actors, lh_ms grace) {
  lh_actors_detach_main(actors);
  if (actors->threaded) join_all(actors, grace);
  free_heaps(actors);
  free_scheds(actors);
  lha_urgent_free_all(actors);
  pthread_mutex_destroy(&actors->lock);
  pthread_mutex_destroy(&actors->watch_lock);
  pthread_mutex_destroy(&actors->urgent_lock);
  lh_free((char *)actors->config.path);
  lh_free((char *)actors->config.cpath);
  lh_free(actors);
}

// --- without threads ---

lh_ms lh_actors_step(struct lh_actors *actors, int turns) {
  struct sched *sched = actors->scheds[0];
  const lh_ms now = lh_env_now(actors->config.env);
  const uint64_t preemptions = atomic_load(&actors->preemptions);
  bool gave_way = false;
  int used = 0;
  if (now < actors->busy_until) return actors->busy_until;
  for (;;) {
    lha_sched_fire(sched, lh_env_now(actors->config.env));
    if (gave_way || used >= turns) break;
    struct heap *heap = lha_sched_pop(sched);
    if (!heap) break;
    used++;  // a slice without turns costs one, so that this ends
    lha_sched_run_heap(sched, heap, turns - used < SLICE_TURNS ? turns - used + 1 : SLICE_TURNS,
                       &used);
    gave_way = atomic_load(&actors->preemptions) != preemptions;
  }
  if (gave_way) return actors->busy_until = now + LH_SLICE_MS;
  pthread_mutex_lock(&sched->lock);
  const lh_ms next = sched->first ? lh_env_now(actors->config.env) : lh_heap_next(&sched->timers);
  pthread_mutex_unlock(&sched->lock);
  return next;
}

void *lh_actors_owner(const struct lh_actors *actors) { return actors->self; }

// Former runs are kept, newest first, so that pids handed out under them still find their actors.
void lh_actors_set_self(struct lh_actors *actors, uint32_t self_node) {
  const uint32_t before = atomic_load(&actors->self_node);
  if (before == self_node) return;
  for (size_t i = FORMER_MAX - 1; i > 0; i--) {
    atomic_store(&actors->former[i], atomic_load(&actors->former[i - 1]));
  }
  atomic_store(&actors->former[0], before);
  atomic_store(&actors->self_node, self_node);
}

// --- orders ---

static struct heap *heap_at(struct lh_actors *actors, lh_pid pid) {
  if (!lha_is_self(actors, pid)) return NULL;
  return atomic_load(&actors->heaps[lh_pid_heap(pid)]);
}

static void set_text(struct lh_buf *buf, const char *text) {
  lh_buf_append(buf, text ? text : "", text ? strlen(text) + 1 : 1);
}

void lh_actors_stop(struct lh_actors *actors, uint64_t token, lh_pid pid, const char *reason,
                    lh_ms shutdown_ms, lh_pid forward) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) {
    actors->ops.child_stopped(actors->self, token, pid, false);
    return;
  }
  struct order *order = lha_order_new(ORDER_STOP, pid);
  order->token = token;
  order->forward = forward;
  order->ms = shutdown_ms;
  set_text(&order->text, reason ? reason : "shutdown");
  lha_urgent_add(actors, pid, lh_env_now(actors->config.env) + shutdown_ms, false);
  lha_order_post(heap, order);
}

void lh_actors_freeze(struct lh_actors *actors, uint64_t token, lh_pid pid) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) {
    actors->ops.child_frozen(actors->self, token, pid, LH_ENOTFOUND, lh_bytes(NULL, 0),
                             "no such actor");
    return;
  }
  struct order *order = lha_order_new(ORDER_FREEZE, pid);
  order->token = token;
  lha_order_post(heap, order);
}

void lh_actors_thaw(struct lh_actors *actors, lh_pid pid, uint64_t generation) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) return;
  struct order *order = lha_order_new(ORDER_THAW, pid);
  order->generation = generation;
  lha_order_post(heap, order);
}

void lh_actors_describe(struct lh_actors *actors, lh_pid pid, struct lh_bytes metadata) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) return;
  struct order *order = lha_order_new(ORDER_DESCRIBE, pid);
  lh_buf_append(&order->bytes, metadata.data, metadata.len);
  lha_order_post(heap, order);
}

void lh_actors_tell_role(struct lh_actors *actors, uint64_t token, lh_pid pid, bool active) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) {
    actors->ops.child_told(actors->self, token, pid, LH_ENOTFOUND);
    return;
  }
  struct order *order = lha_order_new(ORDER_ROLE, pid);
  order->token = token;
  order->count = active;
  lha_order_post(heap, order);
}

void lh_actors_ask_consent(struct lh_actors *actors, uint64_t token, lh_pid pid) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) {
    actors->ops.child_consented(actors->self, token, pid, LH_ENOTFOUND);
    return;
  }
  struct order *order = lha_order_new(ORDER_CONSENT, pid);
  order->token = token;
  lha_order_post(heap, order);
}

void lh_actors_activate(struct lh_actors *actors, uint64_t token, lh_pid pid, struct lh_bytes state,
                        uint64_t generation) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) {
    actors->ops.child_activated(actors->self, token, pid, LH_ENOTFOUND, "no such actor");
    return;
  }
  struct order *order = lha_order_new(ORDER_ACTIVATE, pid);
  order->token = token;
  order->generation = generation;
  lh_buf_append(&order->bytes, state.data, state.len);
  lha_order_post(heap, order);
}

void lh_actors_run(struct lh_actors *actors, uint64_t token, struct lh_bytes module,
                   struct lh_bytes function, struct lh_bytes args, uint32_t arg_count,
                   lh_ms timeout) {
  const struct birth birth = {.kind = BIRTH_RUN,
                              .token = token,
                              .module = module,
                              .function = function,
                              .args = args,
                              .arg_count = arg_count,
                              .limit_ms = timeout};
  struct heap *heap = lha_place_run(actors);
  if (heap)
    lha_batch_post(heap, lha_batch_one(&birth));
  else
    actors->ops.ran(actors->self, token, LH_ELIMIT, lh_bytes(NULL, 0), "no heap is left for it");
}

static lh_pid spawn_alone(struct lh_actors *actors, enum birth_kind kind, struct lh_bytes module,
                          struct lh_bytes args, uint32_t arg_count) {
  const struct birth birth = {.kind = kind, .module = module, .args = args, .arg_count = arg_count};
  struct heap *heap = lha_place_own(actors, KIND_ISOLATED);
  if (!heap) return 0;
  // The heap is ours alone until the order is posted, so its first actor's pid is known.
  const uint64_t local = lh_pid_local_make(heap->index, 0, heap->serial_start);
  lha_batch_post(heap, lha_batch_one(&birth));
  return lh_pid_make(atomic_load(&actors->self_node), local);
}

lh_pid lh_actors_spawn_isolated(struct lh_actors *actors, struct lh_bytes module,
                                struct lh_bytes args, uint32_t arg_count) {
  return spawn_alone(actors, BIRTH_SESSION, module, args, arg_count);
}

void lh_actors_spawn_main(struct lh_actors *actors, struct lh_bytes module, struct lh_bytes args,
                          uint32_t arg_count) {
  const struct birth birth = {
      .kind = BIRTH_SESSION, .module = module, .args = args, .arg_count = arg_count};
  struct heap *heap = atomic_load(&actors->heaps[HEAP_MAIN]);
  atomic_fetch_add(&heap->assigned, 1);
  lha_batch_post(heap, lha_batch_one(&birth));
}

lh_pid lh_actors_spawn_process(struct lh_actors *actors, struct lh_bytes module,
                               struct lh_bytes args, uint32_t arg_count) {
  return spawn_alone(actors, BIRTH_PROCESS, module, args, arg_count);
}

void lh_actors_kill(struct lh_actors *actors, lh_pid pid, const char *reason) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) return;
  struct order *order = lha_order_new(ORDER_KILL, pid);
  lh_write_cstr(&order->bytes, reason ? reason : "killed");
  lha_urgent_add(actors, pid, lh_env_now(actors->config.env), false);
  lha_order_post(heap, order);
}

void lh_actors_interrupt(struct lh_actors *actors, lh_pid pid) {
  struct heap *heap = heap_at(actors, pid);
  if (!heap) return;
  lha_urgent_add(actors, pid, lh_env_now(actors->config.env), true);
  lha_order_post(heap, lha_order_new(ORDER_INTERRUPT, pid));
}

void lh_actors_node_down(struct lh_actors *actors, uint32_t node) {
  for (uint32_t i = HEAP_MAIN; i < LH_HEAPS_MAX; i++) {
    struct heap *heap = atomic_load(&actors->heaps[i]);
    if (!heap) continue;
    struct order *order = lha_order_new(ORDER_NODE_DOWN, 0);
    order->count = node;
    lha_order_post(heap, order);
  }
}

// --- counters ---

void lh_actors_counters(const struct lh_actors *actors, struct lh_actors_counters *out) {
  *out = (struct lh_actors_counters){.actors = atomic_load(&actors->actors),
                                     .heaps = atomic_load(&actors->heaps_open),
                                     .dropped = atomic_load(&actors->dropped),
                                     .mailbox_full = atomic_load(&actors->mailbox_full),
                                     .inbox_full = atomic_load(&actors->inbox_full),
                                     .unsendable = atomic_load(&actors->unsendable),
                                     .timeouts = atomic_load(&actors->timeouts),
                                     .start_failures = atomic_load(&actors->start_failures),
                                     .overdue = atomic_load(&actors->overdue),
                                     .memory_refused = atomic_load(&actors->memory_refused),
                                     .futures_full = atomic_load(&actors->futures_full),
                                     .timers_full = atomic_load(&actors->timers_full),
                                     .blocked = atomic_load(&actors->blocked),
                                     .preemptions = atomic_load(&actors->preemptions),
                                     .crashes = atomic_load(&actors->crashes),
                                     .starts = atomic_load(&actors->starts),
                                     .stops = atomic_load(&actors->stops)};
  for (uint32_t i = HEAP_MAIN; i < LH_HEAPS_MAX; i++) {
    const struct heap *heap = atomic_load(&actors->heaps[i]);
    if (heap) out->messages += atomic_load_explicit(&heap->messages, memory_order_relaxed);
  }
}
