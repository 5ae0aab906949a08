// sim_env.c - the environment of one simulated host: timers, posts, names, randomness.
#include "env/sim_env.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct timer {
  struct lh_timer base;
  struct lh_list link;
  struct sim_event event;
  lh_ms at;  // of the host's clock; LH_NEVER: not set
};

struct post {
  struct sim_event event;
  struct lh_list link;
  void (*fn)(void *data);
  void *data;
  bool own;  // `data` is ours to free when the post is dropped
};

struct query {
  lh_resolve_fn *fn;
  void *self;
  int err;
  struct lh_addr addrs[LH_RESOLVE_MAX];
  size_t count;
};

// --- timers ---

static void timer_due(struct sim_event *event) {
  struct timer *timer = LH_ENTRY(event, struct timer, event);
  timer->at = LH_NEVER;
  timer->base.fn(timer->base.self, lh_sim_clock(event->env->host));
}

static struct lh_timer *timer_new(struct lh_env *base) {
  struct sim_env *env = sim_env_of(base);
  struct timer *timer = LH_NEW(struct timer);
  timer->event = (struct sim_event){.kind = SIM_TIMER, .env = env, .run = timer_due};
  timer->at = LH_NEVER;
  lh_list_push(&env->timers, &timer->link);
  return &timer->base;
}

static void timer_set(struct lh_timer *base, lh_ms at) {
  struct timer *timer = (struct timer *)base;
  const struct sim_env *env = timer->event.env;
  timer->at = at;
  if (at == LH_NEVER) {
    lh_sim_cancel(env->sim, &timer->event);
  } else {
    lh_sim_at(env->sim, &timer->event, lh_sim_clock_when(env->host, at));
  }
}

void lh_sim_timers_again(struct sim_env *env) {
  for (struct lh_list *at = env->timers.next; at != &env->timers; at = at->next) {
    struct timer *timer = LH_ENTRY(at, struct timer, link);
    if (timer->at != LH_NEVER) timer_set(&timer->base, timer->at);
  }
}

static void timer_free(struct lh_timer *base) {
  struct timer *timer = (struct timer *)base;
  lh_sim_cancel(timer->event.env->sim, &timer->event);
  lh_list_remove(&timer->link);
  lh_free(timer);
}

// --- posts ---

static void post_runs(struct sim_event *event) {
  struct post *post = LH_ENTRY(event, struct post, event);
  lh_list_remove(&post->link);
  post->fn(post->data);
  lh_free(post);
}

static int post_some(struct sim_env *env, void (*fn)(void *data), void *data, bool own) {
  if (env->dead) return LH_ECLOSED;
  struct post *post = LH_NEW(struct post);
  post->event = (struct sim_event){.kind = SIM_POST, .env = env, .run = post_runs};
  post->fn = fn;
  post->data = data;
  post->own = own;
  lh_list_push(&env->posts, &post->link);
  lh_sim_at(env->sim, &post->event, env->sim->now);
  return 0;
}

static int post_fn(struct lh_env *env, void (*fn)(void *data), void *data) {
  return post_some(sim_env_of(env), fn, data, false);
}

static void drop_posts(struct sim_env *env) {
  for (struct lh_list *link; (link = lh_list_pop(&env->posts)) != NULL;) {
    struct post *post = LH_ENTRY(link, struct post, link);
    lh_sim_cancel(env->sim, &post->event);
    if (post->own) lh_free(post->data);
    lh_free(post);
  }
}

// --- names ---

static void answer(void *data) {
  struct query *query = data;
  query->fn(query->self, query->err, query->addrs, query->count);
  lh_free(query);
}

static bool is_numeric(struct query *query, const char *host, uint16_t port) {
  char text[LH_ADDR_TEXT_MAX];
  const int len = strchr(host, ':') != NULL ? snprintf(text, sizeof text, "[%s]:%u", host, port)
                                            : snprintf(text, sizeof text, "%s:%u", host, port);
  if (len < 0 || (size_t)len >= sizeof text) return false;
  if (lh_addr_parse(&query->addrs[0], text) != 0) return false;
  query->count = 1;
  return true;
}

static void resolve(struct lh_env *base, const char *host, uint16_t port, lh_resolve_fn *fn,
                    void *self) {
  struct sim_env *env = sim_env_of(base);
  struct query *query = LH_NEW(struct query);
  query->fn = fn;
  query->self = self;
  const char *name = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
  const struct sim_name *known = lh_map_get(&env->sim->names, host, strlen(host));
  if (known != NULL) {
    query->count = known->count;
    for (size_t i = 0; i < known->count; i++) {
      query->addrs[i] = known->addrs[i];
      lh_addr_set_port(&query->addrs[i], port);
    }
  } else if (!is_numeric(query, name, port)) {
    query->err = LH_ENOTFOUND;
  }
  if (post_some(env, answer, query, true) != 0) lh_free(query);
}

// --- the rest of the table ---

static uint64_t now_ns(struct lh_env *env) {
  return (uint64_t)lh_sim_clock(sim_env_of(env)->host) * 1000000;
}

static void random_bytes(struct lh_env *env, void *out, size_t len) {
  uint8_t *at = out;
  while (len > 0) {
    const uint64_t word = lh_random_next(&sim_env_of(env)->random);
    const size_t part = len < sizeof word ? len : sizeof word;
    memcpy(at, &word, part);
    at += part;
    len -= part;
  }
}

// A simulated host has no signals.
static void on_signal(struct lh_env *env, int signal_number, lh_signal_fn *fn, void *self) {
  (void)env;
  (void)signal_number;
  (void)fn;
  (void)self;
}

static void run(struct lh_env *base) {
  struct sim_env *env = sim_env_of(base);
  while (!env->stopped && !env->dead && lh_sim_step(env->sim)) {
  }
  env->stopped = false;
}

static void stop(struct lh_env *env) { sim_env_of(env)->stopped = true; }

static void woken(struct sim_event *event) {
  struct sim_env *env = event->env;
  const lh_ms gap = env->sim->now - env->stalled_from;
  if (gap <= LH_STALL_MIN_MS || env->base.on_stall == NULL) return;
  env->base.on_stall(env->base.stall_self, lh_sim_clock(env->host), gap);
}

static void free_env(struct lh_env *base) {
  struct sim_env *env = sim_env_of(base);
  if (env->host->env == env) env->host->env = NULL;
  lh_sim_streams_free(env);
  while (!lh_list_empty(&env->dgrams)) {
    lh_sim_dgram_close(lh_sim_dgram_first(env));
  }
  while (!lh_list_empty(&env->timers)) {
    timer_free(&LH_ENTRY(env->timers.next, struct timer, link)->base);
  }
  drop_posts(env);
  lh_sim_cancel(env->sim, &env->woken);
  lh_free(env);
}

static const struct lh_env_ops sim_ops = {
    .free = free_env,
    .run = run,
    .stop = stop,
    .post = post_fn,
    .now_ns = now_ns,
    .random = random_bytes,
    .on_signal = on_signal,
    .resolve = resolve,
    .timer_new = timer_new,
    .timer_set = timer_set,
    .timer_free = timer_free,
    .stream_dial = lh_sim_stream_dial,
    .stream_send = lh_sim_stream_send,
    .stream_want_write = lh_sim_stream_want_write,
    .stream_pause = lh_sim_stream_pause,
    .stream_close = lh_sim_stream_close,
    .listen = lh_sim_listen,
    .listener_close = lh_sim_listener_close,
    .dgram_open = lh_sim_dgram_open,
    .dgram_send = lh_sim_dgram_send,
    .dgram_close = lh_sim_dgram_close,
    .file_read = lh_sim_file_read,
    .file_write = lh_sim_file_write,
};

struct lh_env *lh_sim_env_new(struct sim_host *host) {
  struct sim_env *env = LH_NEW(struct sim_env);
  env->base.ops = &sim_ops;
  env->base.imitates = host->sim->imitates;
  env->sim = host->sim;
  env->host = host;
  env->random.state = lh_hash_mix(host->sim->seed, lh_hash_mix(host->index + 1, host->starts));
  env->woken = (struct sim_event){.kind = SIM_WAKE, .env = env, .run = woken};
  lh_list_init(&env->timers);
  lh_list_init(&env->posts);
  lh_list_init(&env->streams);
  lh_list_init(&env->listeners);
  lh_list_init(&env->dgrams);
  host->env = env;
  return &env->base;
}
