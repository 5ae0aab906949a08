// uv_loop.c - the environment of the machine: one libuv loop, and the order of its turn.
//
//   prepare   may the poll wait, and until when
//   poll      readable sockets are read, writable ones reported; nothing else happens here
//   check     was the loop away? -> on_stall; posted functions; due timers
//
// Timers run in check, never as libuv timers: those run before the poll, so a process that was
// stopped would act on deadlines before it read the packets that had met them. The poll itself ends
// by a timerfd (uv_timer.c), not by its timeout: a poll with a timeout that a stop interrupts
// answers without having looked at the sockets again.
//
// A stall is time that the loop was not in the poll although something was due: it woke late, or
// callbacks took long. When one is found the loop polls once more, and on while sockets still had
// more than one turn's share (bounded), before it says so and runs timers.
#include "env/uv_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "env/fault.h"

void lh_uv_must(int result, const char *what) {
  if (result >= 0) return;
  lh_log(LH_LOG_ERROR, "env", "%s failed: %s", what, uv_strerror(result));
  abort();
}

uint64_t lh_env_uv_now_ns(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t lh_uv_now_ns(struct lh_env *env) {
  (void)env;
  return lh_env_uv_now_ns();
}

void lh_uv_random(struct lh_env *env, void *out, size_t len) {
  (void)env;
  uint8_t *at = out;
  while (len > 0) {
    const ssize_t got = getrandom(at, len, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) lh_uv_must(uv_translate_sys_error(errno), "getrandom");
    at += got;
    len -= (size_t)got;
  }
}

bool lh_uv_on_loop(struct lh_uv_env *env) {
  return pthread_equal(atomic_load_explicit(&env->thread, memory_order_relaxed), pthread_self()) !=
         0;
}

void lh_uv_event(struct lh_uv_env *env) {
  if (env->turn_from == LH_NEVER) env->turn_from = lh_env_now(&env->base);
}

static void spun(uv_idle_t *spin) { (void)spin; }

static void woken(uv_async_t *wake) { lh_uv_event(wake->data); }

static void before_poll(uv_prepare_t *prepare) {
  struct lh_uv_env *env = prepare->data;
  (void)pthread_mutex_lock(&env->lock);
  env->asleep = env->posts.count == 0 && !env->stopping;
  const bool wait = env->asleep && env->gap == 0;
  (void)pthread_mutex_unlock(&env->lock);
  if (wait) {
    (void)uv_idle_stop(&env->spin);
  } else {
    (void)uv_idle_start(&env->spin, spun);
  }
  lh_uv_alarm_set(env);
  env->unread = false;
  env->turn_from = LH_NEVER;
  env->wait_from = lh_env_now(&env->base);
  env->wait_until = wait ? lh_heap_next(&env->due) : env->wait_from;
}

// How long the loop was kept from its work since the last poll began, for which nothing planned
// accounts.
static lh_ms time_away(const struct lh_uv_env *env, lh_ms now) {
  const lh_ms began = env->turn_from != LH_NEVER ? env->turn_from : now;
  const lh_ms planned = env->wait_until > env->wait_from ? env->wait_until : env->wait_from;
  const lh_ms late = began > planned ? began - planned : 0;
  const lh_ms worked = env->wait_from - env->worked_from;
  return worked + late + (now - began);
}

// Whether timers must wait for one more poll.
static bool must_read_first(struct lh_uv_env *env, lh_ms now) {
  const bool known = env->gap > 0;
  const lh_ms away = time_away(env, now);
  if (away > LH_STALL_MIN_MS) env->gap += away;
  if (env->gap == 0) return false;
  if (known) return env->unread && ++env->drains < LH_UV_DRAIN_TURNS;
  env->drains = 0;
  return true;
}

static void tell_stall(struct lh_uv_env *env, lh_ms now) {
  const lh_ms gap = env->gap;
  env->gap = 0;
  if (gap > 0 && env->base.on_stall != NULL) env->base.on_stall(env->base.stall_self, now, gap);
}

static bool is_stopping(struct lh_uv_env *env) {
  (void)pthread_mutex_lock(&env->lock);
  env->asleep = false;
  const bool stopping = env->stopping;
  (void)pthread_mutex_unlock(&env->lock);
  return stopping;
}

static void after_poll(uv_check_t *check) {
  struct lh_uv_env *env = check->data;
  const lh_ms now = lh_env_now(&env->base);
  const bool stopping = is_stopping(env);
  if (stopping) uv_stop(&env->loop);
  const bool defer = must_read_first(env, now);
  env->worked_from = now;
  if (defer && !stopping) return;
  tell_stall(env, now);
  lh_uv_posts_run(env);
  lh_uv_timers_run(env, now);
}

static void run(struct lh_env *base) {
  struct lh_uv_env *env = lh_uv_env_of(base);
  atomic_store(&env->thread, pthread_self());
  env->worked_from = lh_env_now(base);
  (void)uv_run(&env->loop, UV_RUN_DEFAULT);
  (void)pthread_mutex_lock(&env->lock);
  env->stopping = false;  // it may be run again
  (void)pthread_mutex_unlock(&env->lock);
  lh_uv_posts_end(env);
}

static void stop(struct lh_env *base) {
  struct lh_uv_env *env = lh_uv_env_of(base);
  (void)pthread_mutex_lock(&env->lock);
  env->stopping = true;
  const bool wake = env->asleep;
  env->asleep = false;
  (void)pthread_mutex_unlock(&env->lock);
  if (wake) (void)uv_async_send(&env->wake);
}

static void name_handle(uv_handle_t *handle, void *unused) {
  (void)unused;
  lh_log(LH_LOG_ERROR, "env", "still open at the end: a %s handle (%s)",
         uv_handle_type_name(handle->type), uv_is_closing(handle) != 0 ? "closing" : "not closed");
}

static void close_loop(struct lh_uv_env *env) {
  uv_close((uv_handle_t *)&env->prepare, NULL);
  uv_close((uv_handle_t *)&env->check, NULL);
  uv_close((uv_handle_t *)&env->spin, NULL);
  uv_close((uv_handle_t *)&env->wake, NULL);
  uv_close((uv_handle_t *)&env->alarm, NULL);
  (void)uv_run(&env->loop, UV_RUN_DEFAULT);
  const int result = uv_loop_close(&env->loop);
  if (result != 0) uv_walk(&env->loop, name_handle, NULL);
  lh_uv_must(result, "closing the loop");
  (void)close(env->alarm_fd);
}

static void free_env(struct lh_env *base) {
  struct lh_uv_env *env = lh_uv_env_of(base);
  lh_uv_posts_end(env);
  lh_uv_resolver_close(env);
  lh_uv_streams_close(env);
  lh_uv_listeners_close(env);
  lh_uv_dgrams_close(env);
  lh_uv_signals_close(env);
  close_loop(env);
  lh_uv_timers_close(env);
  if (env->spare_fd >= 0) (void)close(env->spare_fd);
  (void)pthread_mutex_destroy(&env->lock);
  lh_free(env->posts.items);
  lh_free(env->scratch);
  lh_free(env);
}

static const struct lh_env_ops uv_ops = {
    .free = free_env,
    .run = run,
    .stop = stop,
    .post = lh_uv_post,
    .now_ns = lh_uv_now_ns,
    .random = lh_uv_random,
    .on_signal = lh_uv_on_signal,
    .resolve = lh_uv_resolve,
    .timer_new = lh_uv_timer_new,
    .timer_set = lh_uv_timer_set,
    .timer_free = lh_uv_timer_free,
    .stream_dial = lh_uv_stream_dial,
    .stream_send = lh_uv_stream_send,
    .stream_want_write = lh_uv_stream_want_write,
    .stream_pause = lh_uv_stream_pause,
    .stream_close = lh_uv_stream_close,
    .listen = lh_uv_listen,
    .listener_close = lh_uv_listener_close,
    .dgram_open = lh_uv_dgram_open,
    .dgram_send = lh_uv_dgram_send,
    .dgram_close = lh_uv_dgram_close,
    .file_read = lh_env_file_read,
    .file_write = lh_env_file_write,
};

// libuv aborts without a word when it finds no descriptor for what it needs first.
static void must_have_descriptors(const struct lh_uv_env *env) {
  int fds[LH_UV_DESCRIPTORS];
  bool enough = env->spare_fd >= 0;
  for (size_t i = 0; i < LH_UV_DESCRIPTORS; i++) {
    fds[i] = enough ? dup(env->spare_fd) : -1;
    enough = fds[i] >= 0;
  }
  for (size_t i = 0; i < LH_UV_DESCRIPTORS; i++) {
    if (fds[i] >= 0) (void)close(fds[i]);
  }
  if (!enough) lh_uv_must(UV_EMFILE, "opening the loop");
}

static void open_loop(struct lh_uv_env *env) {
  must_have_descriptors(env);
  lh_uv_must(uv_loop_init(&env->loop), "opening the loop");
  (void)uv_prepare_init(&env->loop, &env->prepare);
  (void)uv_check_init(&env->loop, &env->check);
  (void)uv_idle_init(&env->loop, &env->spin);
  lh_uv_must(uv_async_init(&env->loop, &env->wake, woken), "opening the loop");
  env->prepare.data = env->check.data = env->spin.data = env->wake.data = env;
  (void)uv_prepare_start(&env->prepare, before_poll);
  (void)uv_check_start(&env->check, after_poll);
  lh_uv_alarm_open(env);
}

struct lh_env *lh_env_uv_new(void) {
  struct lh_uv_env *env = LH_NEW(struct lh_uv_env);
  env->base.ops = &uv_ops;
  atomic_store(&env->thread, pthread_self());
  (void)pthread_mutex_init(&env->lock, NULL);
  lh_list_init(&env->timers);
  lh_list_init(&env->streams);
  lh_list_init(&env->listeners);
  lh_list_init(&env->dgrams);
  lh_list_init(&env->signals);
  env->scratch = lh_alloc(LH_UV_SCRATCH);
  env->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  open_loop(env);
  lh_fault_wrap(&env->base);
  return &env->base;
}
