// uv_timer.c - deadlines in a heap of our own, and one timerfd on the same clock that ends the
// poll.
//
// The descriptor is set to the first deadline, absolute and on CLOCK_BOOTTIME: a suspended machine
// wakes to deadlines that passed in its sleep. It is set again only when the first deadline changed
// or it rang.
#include "env/uv_env.h"

#include <errno.h>
#include <sys/timerfd.h>

#include "base/mem.h"

struct timer {
  struct lh_timer base;
  struct lh_due due;
  struct lh_list link;
};

static void rang(uv_poll_t *alarm, int status, int events) {
  (void)status;
  (void)events;
  struct lh_uv_env *env = alarm->data;
  lh_uv_event(env);
  env->alarm_rang = true;
}

void lh_uv_alarm_open(struct lh_uv_env *env) {
  env->alarm_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (env->alarm_fd < 0) lh_uv_must(uv_translate_sys_error(errno), "timerfd_create");
  env->alarm_at = LH_NEVER;
  lh_uv_must(uv_poll_init(&env->loop, &env->alarm, env->alarm_fd), "watching the timer");
  env->alarm.data = env;
  lh_uv_must(uv_poll_start(&env->alarm, UV_READABLE, rang), "watching the timer");
}

void lh_uv_alarm_set(struct lh_uv_env *env) {
  const lh_ms at = lh_heap_next(&env->due);
  if (at == env->alarm_at && !env->alarm_rang) return;
  env->alarm_at = at;
  env->alarm_rang = false;
  struct itimerspec spec = {0};  // all zero disarms
  if (at != LH_NEVER) {
    const lh_ms ms = at > 0 ? at : 1;
    spec.it_value.tv_sec = (time_t)(ms / 1000);
    spec.it_value.tv_nsec = (long)(ms % 1000) * 1000000;
  }
  (void)timerfd_settime(env->alarm_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

// At most as many as were armed, so that a timer that sets itself to the past cannot hold the loop.
void lh_uv_timers_run(struct lh_uv_env *env, lh_ms now) {
  for (size_t left = env->due.count; left > 0; left--) {
    struct lh_due *due = lh_heap_pop(&env->due, now);
    if (due == NULL) return;
    struct timer *timer = LH_ENTRY(due, struct timer, due);
    timer->base.fn(timer->base.self, now);
  }
}

struct lh_timer *lh_uv_timer_new(struct lh_env *env) {
  struct timer *timer = LH_NEW(struct timer);
  lh_list_push(&lh_uv_env_of(env)->timers, &timer->link);
  return &timer->base;
}

void lh_uv_timer_set(struct lh_timer *base, lh_ms at) {
  struct timer *timer = (struct timer *)base;
  struct lh_heap *heap = &lh_uv_env_of(base->env)->due;
  if (at == LH_NEVER) {
    lh_heap_cancel(heap, &timer->due);
  } else {
    lh_heap_set(heap, &timer->due, at);
  }
}

void lh_uv_timer_free(struct lh_timer *base) {
  struct timer *timer = (struct timer *)base;
  lh_heap_cancel(&lh_uv_env_of(base->env)->due, &timer->due);
  lh_list_remove(&timer->link);
  lh_free(timer);
}

void lh_uv_timers_close(struct lh_uv_env *env) {
  while (!lh_list_empty(&env->timers)) {
    lh_uv_timer_free(&LH_ENTRY(env->timers.next, struct timer, link)->base);
  }
  lh_heap_free(&env->due);
}
