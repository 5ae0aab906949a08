// place.c - which heap an actor is put into, and where heaps come from.
//
// Children share heaps: few heaps for few children, since a heap costs 20 kB; one per scheduler
// once there are more, so that every core has work; and another whenever each holds
// LH_HEAP_ACTORS_SOFT. Runs of hook handlers have one apart, with a thread. An isolated or
// dedicated actor has a heap to itself, whose index is used again after it. Any thread, under
// `actors->lock`.
#include "actor/internal.h"

static struct sched *next_shared(struct lh_actors *actors) {
  return actors->scheds[actors->next_home++ % (uint32_t)actors->shared_count];
}

static struct heap *new_heap(struct lh_actors *actors, struct sched *home) {
  if (actors->next_heap >= LH_HEAPS_MAX) return NULL;
  struct heap *heap = lha_heap_new(actors, actors->next_heap, KIND_SHARED, home);
  atomic_store(&actors->heaps[actors->next_heap++], heap);
  return heap;
}

static struct heap *new_shared(struct lh_actors *actors) {
  struct heap *heap = new_heap(actors, next_shared(actors));
  if (heap == NULL) return NULL;
  actors->shared = lh_realloc(actors->shared, (actors->shared_heaps + 1) * sizeof(struct heap *));
  actors->shared[actors->shared_heaps++] = heap;
  return heap;
}

static struct heap *least_loaded(struct lh_actors *actors, uint64_t *total) {
  struct heap *best = NULL;
  *total = 0;
  for (uint32_t i = 0; i < actors->shared_heaps; i++) {
    const unsigned load = atomic_load(&actors->shared[i]->assigned);
    *total += load;
    if (!best || load < atomic_load(&best->assigned)) best = actors->shared[i];
  }
  return best;
}

static uint64_t wanted_heaps(const struct lh_actors *actors, uint64_t total) {
  const uint64_t by_size = total / LH_HEAP_ACTORS_SOFT + 1;
  const uint64_t by_cores = total / CHILDREN_PER_HEAP + 1;
  const uint64_t cores = (uint64_t)actors->shared_count;
  const uint64_t spread = by_cores < cores ? by_cores : cores;
  return by_size > spread ? by_size : spread;
}

struct heap *lha_place_shared(struct lh_actors *actors) {
  uint64_t total;
  pthread_mutex_lock(&actors->lock);
  struct heap *heap = least_loaded(actors, &total);
  if (!heap || wanted_heaps(actors, total) > actors->shared_heaps) {
    struct heap *more = new_shared(actors);
    if (more) heap = more;
  }
  if (heap) atomic_fetch_add(&heap->assigned, 1);
  pthread_mutex_unlock(&actors->lock);
  return heap;
}

// The threads of dedicated heaps that are over leave their place to the next.
static int reuse_sched(struct lh_actors *actors) {
  const int count = atomic_load(&actors->sched_count);
  for (int i = 0; i < count; i++) {
    struct sched *sched = actors->scheds[i];
    if (sched->kind != SCHED_DEDICATED || !atomic_load(&sched->done)) continue;
    if (sched->has_thread) pthread_join(sched->thread, NULL);
    sched->has_thread = false;
    sched->humble = false;
    atomic_store(&sched->done, false);
    return i;
  }
  return -1;
}

static struct sched *dedicated_sched(struct lh_actors *actors) {
  if (!actors->threaded) return actors->scheds[0];
  const int reused = reuse_sched(actors);
  if (reused >= 0) return actors->scheds[reused];
  const int count = atomic_load(&actors->sched_count);
  if (count >= SCHEDS_MAX) return NULL;
  struct sched *sched = lha_sched_new(actors, SCHED_DEDICATED);
  actors->scheds[count] = sched;
  atomic_store(&actors->sched_count, count + 1);
  return sched;
}

static struct sched *home_for(struct lh_actors *actors, enum heap_kind kind) {
  return kind == KIND_DEDICATED ? dedicated_sched(actors) : next_shared(actors);
}

// A thread that gives way to all others; where there is none to be had, one of the shared.
static struct sched *humble_sched(struct lh_actors *actors) {
  struct sched *home = actors->threaded ? dedicated_sched(actors) : NULL;
  if (home == NULL) return next_shared(actors);
  home->humble = true;
  lha_sched_start(home);
  if (home->has_thread) return home;
  atomic_store(&home->done, true);
  return next_shared(actors);
}

// What the node itself has run (hook handlers) shares one heap and one thread, apart from all
// children.
struct heap *lha_place_run(struct lh_actors *actors) {
  pthread_mutex_lock(&actors->lock);
  if (actors->runs == NULL && actors->next_heap < LH_HEAPS_MAX && !atomic_load(&actors->stopping))
    actors->runs = new_heap(actors, humble_sched(actors));
  if (actors->runs != NULL) atomic_fetch_add(&actors->runs->assigned, 1);
  pthread_mutex_unlock(&actors->lock);
  return actors->runs;
}

static struct heap *own_heap(struct lh_actors *actors, enum heap_kind kind, struct sched *home) {
  if (actors->free_heap_count == 0) {
    if (actors->next_heap >= LH_HEAPS_MAX) return NULL;
    struct heap *heap = lha_heap_new(actors, actors->next_heap, kind, home);
    atomic_store(&actors->heaps[actors->next_heap++], heap);
    return heap;
  }
  struct heap *heap = atomic_load(&actors->heaps[actors->free_heaps[--actors->free_heap_count]]);
  atomic_store(&heap->kind, (int)kind);
  atomic_store(&heap->home, home);
  return heap;
}

// The heap's own thread is done; what still arrives is answered by a shared scheduler.
static void leave_home(struct heap *heap) {
  struct sched *home = atomic_load(&heap->home);
  pthread_mutex_lock(&home->lock);
  lh_heap_cancel(&home->timers, &heap->due);
  atomic_store(&heap->due_at, LH_NEVER);
  pthread_mutex_unlock(&home->lock);
  atomic_store(&heap->home, heap->actors->scheds[0]);
  if (home->kind == SCHED_DEDICATED) atomic_store(&home->done, true);
}

void lha_place_return(struct heap *heap) {
  struct lh_actors *actors = heap->actors;
  pthread_mutex_lock(&actors->lock);
  leave_home(heap);
  atomic_store(&heap->kind, KIND_SHARED);
  actors->free_heaps =
      lh_realloc(actors->free_heaps, (actors->free_heap_count + 1) * sizeof *actors->free_heaps);
  actors->free_heaps[actors->free_heap_count++] = heap->index;
  pthread_mutex_unlock(&actors->lock);
}

struct heap *lha_place_own(struct lh_actors *actors, enum heap_kind kind) {
  struct heap *heap = NULL;
  pthread_mutex_lock(&actors->lock);
  struct sched *home = atomic_load(&actors->stopping) ? NULL : home_for(actors, kind);
  if (home) heap = own_heap(actors, kind, home);
  if (heap) atomic_fetch_add(&heap->assigned, 1);
  const bool threaded = heap && kind == KIND_DEDICATED && actors->threaded;
  if (threaded) lha_sched_start(home);
  pthread_mutex_unlock(&actors->lock);
  if (!threaded || home->has_thread) return heap;
  atomic_fetch_sub(&heap->assigned, 1);
  lha_place_return(heap);
  return NULL;
}
