// scheduler.c - the threads that run heaps, their queues, and how they sleep.
//
// Every heap has a home scheduler, in whose queue it stands while it has work and in whose timers
// it stands while it waits for a deadline. A scheduler with nothing to do takes heaps from the
// queues of the others, then sleeps until its next timer or until it is woken; nobody polls. A
// dedicated scheduler runs its one heap and takes nothing; a spare one only takes, while others are
// stuck in C. The main program's scheduler has no thread: the main program runs its queue while it
// waits.
//
// Locks: `sched->lock` for queue and timers, never two at a time, never held while Lua or an op
// runs.
#include "actor/internal.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

enum { HUMBLE_NICE = 10 };

struct sched *lha_sched_new(struct lh_actors *actors, enum sched_kind kind) {
  struct sched *sched = LH_NEW(struct sched);
  sched->actors = actors;
  sched->kind = kind;
  pthread_mutex_init(&sched->lock, NULL);
  pthread_mutex_init(&sched->watch_lock, NULL);
  sem_init(&sched->bell, 0, 0);
  return sched;
}

void lha_sched_free(struct sched *sched) {
  lh_heap_free(&sched->timers);
  pthread_mutex_destroy(&sched->lock);
  pthread_mutex_destroy(&sched->watch_lock);
  sem_destroy(&sched->bell);
  lh_free(sched);
}

// Under the lock: whether the thread sleeps and nobody has woken it yet. Whoever is told so rings,
// without the lock.
static bool nudge_locked(struct sched *sched) {
  const bool wake = !sched->nudged && atomic_load(&sched->asleep);
  sched->nudged = true;
  return wake;
}

static void rouse(struct sched *sched, bool wake) {
  if (wake) sem_post(&sched->bell);
}

void lha_sched_wake(struct sched *sched) {
  pthread_mutex_lock(&sched->lock);
  const bool wake = nudge_locked(sched);
  pthread_mutex_unlock(&sched->lock);
  rouse(sched, wake);
}

void lha_sched_help(struct lh_actors *actors) {
  if (atomic_load(&actors->idle) == 0) return;
  const int count = atomic_load(&actors->sched_count);
  for (int i = 0; i < count; i++) {
    struct sched *sched = actors->scheds[i];
    const bool helps = sched->kind == SCHED_SHARED || sched->kind == SCHED_SPARE;
    if (!helps || !atomic_load(&sched->asleep)) continue;
    lha_sched_wake(sched);
    return;
  }
}

void lha_sched_put(struct sched *sched, struct heap *heap) {
  pthread_mutex_lock(&sched->lock);
  heap->queue_next = NULL;
  if (sched->last) {
    sched->last->queue_next = heap;
  } else {
    sched->first = heap;
  }
  sched->last = heap;
  const unsigned queued = ++sched->queued;
  const bool asleep = atomic_load(&sched->asleep);
  const bool wake = asleep && nudge_locked(sched);
  pthread_mutex_unlock(&sched->lock);
  rouse(sched, wake);
  if (!asleep && queued > 1 && sched->kind == SCHED_SHARED) lha_sched_help(sched->actors);
}

static struct heap *pop_locked(struct sched *sched) {
  struct heap *heap = sched->first;
  if (!heap) return NULL;
  sched->first = heap->queue_next;
  if (!sched->first) sched->last = NULL;
  sched->queued--;
  heap->queue_next = NULL;
  return heap;
}

struct heap *lha_sched_pop(struct sched *sched) {
  pthread_mutex_lock(&sched->lock);
  struct heap *heap = pop_locked(sched);
  pthread_mutex_unlock(&sched->lock);
  return heap;
}

// Makes the heap's scheduler run it at `at`. A later deadline than the one set is left for that one
// to find.
void lha_sched_due(struct heap *heap, lh_ms at) {
  if (at >= atomic_load_explicit(&heap->due_at, memory_order_relaxed)) return;
  struct sched *home = atomic_load(&heap->home);
  pthread_mutex_lock(&home->lock);
  const lh_ms before = lh_heap_next(&home->timers);
  lh_heap_set(&home->timers, &heap->due, at);
  atomic_store(&heap->due_at, at);
  const bool wake = at < before && atomic_load(&home->asleep) && nudge_locked(home);
  pthread_mutex_unlock(&home->lock);
  rouse(home, wake);
}

// Queues the heaps whose deadline has come.
void lha_sched_fire(struct sched *sched, lh_ms now) {
  for (;;) {
    pthread_mutex_lock(&sched->lock);
    struct lh_due *due = lh_heap_pop(&sched->timers, now);
    struct heap *heap = due ? LH_ENTRY(due, struct heap, due) : NULL;
    if (heap) atomic_store(&heap->due_at, LH_NEVER);
    pthread_mutex_unlock(&sched->lock);
    if (!heap) return;
    lha_heap_wake(heap);
  }
}

void lha_sched_run_heap(struct sched *sched, struct heap *heap, int turns, int *used) {
  atomic_store(&heap->state, HEAP_RUNNING);
  heap->on = sched;
  const bool more = lha_heap_slice(heap, turns, used);
  heap->on = NULL;
  int running = HEAP_RUNNING;
  if (!more && atomic_compare_exchange_strong(&heap->state, &running, HEAP_IDLE)) return;
  atomic_store(&heap->state, HEAP_QUEUED);
  lha_sched_put(heap->home, heap);
}

static struct heap *steal(struct sched *thief) {
  const int count = atomic_load(&thief->actors->sched_count);
  for (int i = 0; i < count; i++) {
    struct sched *sched = thief->actors->scheds[i];
    if (sched == thief || sched->kind != SCHED_SHARED) continue;
    struct heap *heap = lha_sched_pop(sched);
    if (heap) return heap;
  }
  return NULL;
}

// A bell that rang too late, or a signal, ends the next sleep early: whoever sleeps looks again.
static void sleep_until(struct sched *sched, lh_ms until) {
  if (until == LH_NEVER) {
    (void)sem_wait(&sched->bell);
    return;
  }
  const lh_ms left = until - lh_env_now(sched->actors->config.env);
  if (left <= 0) return;
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec += (time_t)(left / 1000);
  at.tv_nsec += (long)(left % 1000) * 1000000;
  if (at.tv_nsec >= 1000000000) {
    at.tv_sec++;
    at.tv_nsec -= 1000000000;
  }
  (void)sem_clockwait(&sched->bell, CLOCK_MONOTONIC, &at);
}

static void sleep_asleep(struct sched *sched, lh_ms until) {
  const bool helps = sched->kind == SCHED_SHARED || sched->kind == SCHED_SPARE;
  if (helps) atomic_fetch_add(&sched->actors->idle, 1);
  sleep_until(sched, until);
  if (helps) atomic_fetch_sub(&sched->actors->idle, 1);
  atomic_store(&sched->asleep, false);
  if (sched->kind != SCHED_MAIN) lha_watchdog_wake(sched->actors);
}

// Sleeps until woken, until there is work, or until `until` or the scheduler's next timer.
void lha_sched_wait(struct sched *sched, lh_ms until) {
  pthread_mutex_lock(&sched->lock);
  const bool sleeps = !sched->first && !sched->nudged;
  const lh_ms next = lh_heap_next(&sched->timers);
  if (sleeps) atomic_store(&sched->asleep, true);
  pthread_mutex_unlock(&sched->lock);
  if (sleeps) sleep_asleep(sched, next < until ? next : until);
  pthread_mutex_lock(&sched->lock);
  sched->nudged = false;
  pthread_mutex_unlock(&sched->lock);
}

// A dedicated scheduler ends with its heap.
static bool is_over(struct sched *sched) {
  if (atomic_load(&sched->actors->stopping)) return true;
  return sched->kind == SCHED_DEDICATED && atomic_load(&sched->done);
}

// Whoever started the thread may block all signals, as the protocol thread does.
static void take_signals(void) {
  sigset_t watchdog;
  sigemptyset(&watchdog);
  sigaddset(&watchdog, SIGURG);
  (void)pthread_sigmask(SIG_UNBLOCK, &watchdog, NULL);
}

static void *run(void *data) {
  struct sched *sched = data;
  const bool takes = sched->kind == SCHED_SHARED || sched->kind == SCHED_SPARE;
  take_signals();
  if (sched->humble) (void)setpriority(PRIO_PROCESS, 0, HUMBLE_NICE);  // of this thread alone
  atomic_store(&sched->asleep, false);
  lha_watchdog_wake(sched->actors);
  while (!is_over(sched)) {
    lha_sched_fire(sched, lh_env_now(sched->actors->config.env));
    struct heap *heap = lha_sched_pop(sched);
    if (!heap && takes) heap = steal(sched);
    if (heap) {
      lha_sched_run_heap(sched, heap, SLICE_TURNS, NULL);
    } else {
      lha_sched_wait(sched, LH_NEVER);
    }
  }
  atomic_store(&sched->asleep, true);  // for the watchdog: nothing runs here any more
  return NULL;
}

void lha_sched_start(struct sched *sched) {
  sched->has_thread = pthread_create(&sched->thread, NULL, run, sched) == 0;
  if (!sched->has_thread) lh_log(LH_LOG_ERROR, "actor", "a scheduler thread cannot be started");
}

uint32_t lh_actors_pressure(struct lh_actors *actors) {
  const int count = atomic_load(&actors->sched_count);
  uint64_t waiting = 0;
  uint32_t threads = 0;
  for (int i = 0; i < count; i++) {
    struct sched *sched = actors->scheds[i];
    // What a spare thread runs waited for one that is stuck.
    if (sched->kind == SCHED_SPARE && !atomic_load(&sched->asleep)) waiting++;
    if (sched->kind != SCHED_SHARED) continue;
    pthread_mutex_lock(&sched->lock);
    waiting += sched->queued;
    pthread_mutex_unlock(&sched->lock);
    threads++;
  }
  const uint64_t pressure = threads > 0 ? waiting * 1000 / threads : 0;
  return pressure < UINT32_MAX ? (uint32_t)pressure : UINT32_MAX;
}
