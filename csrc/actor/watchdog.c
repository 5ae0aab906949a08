// watchdog.c - the thread that makes busy Lua give way, and notices what does not.
//
// Once per LH_SLICE_MS, while some scheduler is awake, it looks at every scheduler's turn. The same
// turn seen twice gets SIGURG, whose handler makes the thread's Lua yield; the heaps that stand
// behind it are offered to idle schedulers, or to a spare thread when all are stuck. A turn past
// its own deadline, or past that of a stop order which its heap cannot read, is made to raise. It
// sleeps when all schedulers do.
//
// The handshake with a turn's end: the watchdog sets `claimed` and then looks at the number again;
// the end changes the number and then looks at `claimed`. So either the watchdog sees that the turn
// is over, or the end waits for `watch_lock`; neither the heap nor the child of a claimed turn is
// freed meanwhile.
#include "actor/internal.h"

#include <signal.h>
#include <time.h>

// --- the signal ---

static void on_signal(int number) {
  (void)number;
  lh_script_interrupt_this_thread();
}

// Stays for the life of the process: a late signal must find it.
static void install_handler(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGURG, &action, NULL);
}

// --- turns ---

void lha_turn_begin(struct heap *heap, struct actor *actor, lh_ms raise_at) {
  struct turn *turn = &heap->on->turn;
  atomic_store_explicit(&turn->since, heap->now, memory_order_relaxed);
  atomic_store_explicit(&turn->raise_at, raise_at, memory_order_relaxed);
  atomic_store_explicit(&turn->pid, actor->pid, memory_order_relaxed);
  atomic_store_explicit(&turn->heap, heap, memory_order_relaxed);
  atomic_store_explicit(&turn->child, actor->child, memory_order_relaxed);
  const uint64_t number = atomic_load_explicit(&turn->number, memory_order_relaxed);
  atomic_store_explicit(&turn->number, number + 1, memory_order_release);
}

bool lha_turn_end(struct heap *heap) {
  struct sched *sched = heap->on;
  struct turn *turn = &sched->turn;
  atomic_store(&turn->number, atomic_load_explicit(&turn->number, memory_order_relaxed) + 1);
  if (!atomic_load(&turn->claimed)) return false;
  pthread_mutex_lock(&sched->watch_lock);
  const bool raised = turn->raised;
  turn->raised = false;
  atomic_store(&turn->claimed, false);
  if (raised) lh_script_raise_cancel(heap->L);
  pthread_mutex_unlock(&sched->watch_lock);
  return raised;
}

// --- urgent orders --- many children may be stopped at once, so they are found by their pids

static struct urgent **urgents_of(struct lh_actors *actors, lh_pid pid) {
  return &actors->urgents[(lh_pid_slot(pid) + lh_pid_heap(pid)) % URGENT_BUCKETS];
}

void lha_urgent_add(struct lh_actors *actors, lh_pid pid, lh_ms at, bool interrupt) {
  struct urgent *urgent = LH_NEW(struct urgent);
  *urgent = (struct urgent){.pid = pid, .at = at, .interrupt = interrupt};
  pthread_mutex_lock(&actors->urgent_lock);
  struct urgent **bucket = urgents_of(actors, pid);
  urgent->next = *bucket;
  *bucket = urgent;
  pthread_mutex_unlock(&actors->urgent_lock);
}

void lha_urgent_remove(struct lh_actors *actors, lh_pid pid, bool interrupt) {
  pthread_mutex_lock(&actors->urgent_lock);
  for (struct urgent **at = urgents_of(actors, pid); *at; at = &(*at)->next) {
    struct urgent *urgent = *at;
    if (urgent->interrupt != interrupt || lh_pid_local(urgent->pid) != lh_pid_local(pid)) continue;
    *at = urgent->next;
    lh_free(urgent);
    break;
  }
  pthread_mutex_unlock(&actors->urgent_lock);
}

void lha_urgent_free_all(struct lh_actors *actors) {
  for (size_t i = 0; i < URGENT_BUCKETS; i++) {
    while (actors->urgents[i]) {
      struct urgent *urgent = actors->urgents[i];
      actors->urgents[i] = urgent->next;
      lh_free(urgent);
    }
  }
}

// The text to raise in the actor's Lua now, or NULL. `persistent` unless it is a mere interrupt.
static const char *urgent_for(struct lh_actors *actors, lh_pid pid, lh_ms now, bool *persistent) {
  const char *text = NULL;
  pthread_mutex_lock(&actors->urgent_lock);
  for (struct urgent *urgent = *urgents_of(actors, pid); urgent && !text; urgent = urgent->next) {
    if (lh_pid_local(urgent->pid) != lh_pid_local(pid) || urgent->at > now) continue;
    *persistent = !urgent->interrupt;
    text = urgent->interrupt ? "interrupted!" : "stopped: it did not give way in time";
  }
  pthread_mutex_unlock(&actors->urgent_lock);
  return text;
}

// --- looking ---

static void raise_in(struct sched *sched, struct heap *heap, const char *text, bool persistent) {
  if (sched->turn.raised) return;
  sched->turn.raised = true;
  lh_script_raise_in(heap->L, text, persistent);
}

static void warn_blocked(struct sched *sched, lh_ms now) {
  const struct child *child = atomic_load(&sched->turn.child);
  const lh_pid pid = atomic_load(&sched->turn.pid);
  char label[LABEL_MAX];
  if (child) {
    snprintf(label, sizeof label, "child %s", child->id);
  } else {
    snprintf(label, sizeof label, "actor %u.%u", lh_pid_heap(pid), lh_pid_slot(pid));
  }
  lh_log(LH_LOG_WARN, label,
         "has not given way for %lld ms: it is inside a function of C, or of Lua that C called; "
         "the other "
         "actors of its heap wait",
         (long long)(now - sched->seen_since));
}

// Under watch_lock, for a turn that is claimed and still the one that was seen.
static void deal_with(struct sched *sched, lh_ms now) {
  struct lh_actors *actors = sched->actors;
  struct heap *heap = atomic_load(&sched->turn.heap);
  const lh_pid pid = atomic_load(&sched->turn.pid);
  bool persistent = true;
  if (atomic_load(&actors->stopping) && now >= atomic_load(&actors->stop_at)) {
    raise_in(sched, heap, "the node is stopping", true);
  } else if (now >= atomic_load(&sched->turn.raise_at)) {
    raise_in(sched, heap, "it did not end in its time", true);
  } else if (now - sched->seen_since >=
             STUCK_MS) {  // else the heap will read the order in its turn
    const char *text = urgent_for(actors, pid, now, &persistent);
    if (text) raise_in(sched, heap, text, persistent);
  }
  if (!sched->warned && now - sched->seen_since >= LH_BLOCKED_WARN_MS) {
    sched->warned = true;
    atomic_fetch_add(&actors->blocked, 1);
    warn_blocked(sched, now);
  }
  if (!PREEMPT_BY_COUNT) pthread_kill(sched->thread, SIGURG);
}

static void claim(struct sched *sched, uint64_t number, lh_ms now) {
  struct turn *turn = &sched->turn;
  pthread_mutex_lock(&sched->watch_lock);
  atomic_store(&turn->claimed, true);
  if (atomic_load(&turn->number) == number) deal_with(sched, now);
  if (!turn->raised) atomic_store(&turn->claimed, false);
  pthread_mutex_unlock(&sched->watch_lock);
}

// True when the scheduler runs the turn that it ran at the last look.
static bool look_at(struct sched *sched, lh_ms now) {
  const uint64_t number = atomic_load(&sched->turn.number);
  if (number % 2 == 0 || number != sched->seen_number) {
    sched->seen_number = number;
    sched->seen_since = now;
    sched->warned = false;
    return false;
  }
  claim(sched, number, now);
  lha_sched_fire(sched, now);
  return true;
}

static void start_spare(struct lh_actors *actors) {
  pthread_mutex_lock(&actors->lock);
  const int count = atomic_load(&actors->sched_count);
  int spares = 0;
  for (int i = 0; i < count; i++) spares += actors->scheds[i]->kind == SCHED_SPARE;
  if (spares < SPARES_MAX && count < SCHEDS_MAX && !atomic_load(&actors->stopping)) {
    struct sched *sched = lha_sched_new(actors, SCHED_SPARE);
    actors->scheds[count] = sched;
    atomic_store(&actors->sched_count, count + 1);
    lha_sched_start(sched);
  }
  pthread_mutex_unlock(&actors->lock);
}

static bool has_queue(struct sched *sched) {
  pthread_mutex_lock(&sched->lock);
  const bool queued = sched->first != NULL;
  pthread_mutex_unlock(&sched->lock);
  return queued;
}

// One look at all. True while any of them is awake.
static bool look(struct lh_actors *actors, lh_ms now) {
  const int count = atomic_load(&actors->sched_count);
  int awake = 0, workers = 0, stuck = 0, waiting = 0;
  for (int i = 0; i < count; i++) {
    struct sched *sched = actors->scheds[i];
    const bool held = look_at(sched, now);
    const bool worker = sched->kind == SCHED_SHARED || sched->kind == SCHED_SPARE;
    awake += !atomic_load(&sched->asleep);
    workers += worker;
    stuck += worker && held && now - sched->seen_since >= STUCK_MS;
    waiting += sched->kind == SCHED_SHARED && held && has_queue(sched);
  }
  if (waiting && atomic_load(&actors->idle) > 0) {
    lha_sched_help(actors);
  } else if (waiting && stuck == workers) {
    start_spare(actors);
  }
  return awake > 0;
}

// --- the thread ---

static void rest(struct lh_actors *actors, bool awake) {
  pthread_mutex_lock(&actors->watch_lock);
  if (awake) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += LH_SLICE_MS * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
      at.tv_sec++;
      at.tv_nsec -= 1000000000L;
    }
    if (!atomic_load(&actors->watch_end)) {
      pthread_cond_timedwait(&actors->watch_cond, &actors->watch_lock, &at);
    }
  } else {
    while (atomic_load(&actors->watch_asleep) && !atomic_load(&actors->watch_end)) {
      pthread_cond_wait(&actors->watch_cond, &actors->watch_lock);
    }
  }
  pthread_mutex_unlock(&actors->watch_lock);
}

static void *run(void *data) {
  struct lh_actors *actors = data;
  while (!atomic_load(&actors->watch_end)) {
    bool awake = look(actors, lh_env_now(actors->config.env));
    if (!awake) {
      // Whoever wakes after this store wakes us; whoever woke before it is seen by a second look.
      atomic_store(&actors->watch_asleep, true);
      awake = look(actors, lh_env_now(actors->config.env));
      if (awake) atomic_store(&actors->watch_asleep, false);
    }
    rest(actors, awake);
  }
  return NULL;
}

void lha_watchdog_wake(struct lh_actors *actors) {
  if (!atomic_load(&actors->watch_asleep)) return;
  pthread_mutex_lock(&actors->watch_lock);
  atomic_store(&actors->watch_asleep, false);
  pthread_cond_signal(&actors->watch_cond);
  pthread_mutex_unlock(&actors->watch_lock);
}

void lha_watchdog_start(struct lh_actors *actors) {
  install_handler();
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&actors->watch_cond, &attributes);
  pthread_condattr_destroy(&attributes);
  actors->watched = pthread_create(&actors->watchdog, NULL, run, actors) == 0;
}

void lha_watchdog_stop(struct lh_actors *actors) {
  pthread_mutex_lock(&actors->watch_lock);
  atomic_store(&actors->watch_end, true);
  pthread_cond_signal(&actors->watch_cond);
  pthread_mutex_unlock(&actors->watch_lock);
  if (actors->watched) pthread_join(actors->watchdog, NULL);
  pthread_cond_destroy(&actors->watch_cond);
}
