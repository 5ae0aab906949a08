// uv_env.h - the environment of the machine, shared by the uv_*.c files. The only include of uv.h.
#ifndef LH_ENV_UV_ENV_H
#define LH_ENV_UV_ENV_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/list.h"
#include "env/ops.h"

enum {
  LH_UV_SCRATCH = 64 * 1024,      // what one read takes at most; no datagram is larger
  LH_UV_READ_TURN = 256 * 1024,   // bytes of one stream in one turn of the loop
  LH_UV_DGRAM_TURN = 1024,        // datagrams of one socket in one turn
  LH_UV_DESCRIPTORS = 8,          // what the loop itself needs to begin with
  LH_UV_ACCEPT_TURN = 64,         // connections of one listener in one turn
  LH_UV_DRAIN_TURNS = 64,         // turns that reading may take after a stall, before timers run
  LH_UV_SOCKET_BUFFER = 1 << 20,  // of datagram sockets, as far as the kernel grants it
};

struct lh_uv_post {
  void (*fn)(void *data);
  void *data;
};

struct lh_uv_posts {
  struct lh_uv_post *items;
  size_t count;
  size_t cap;
};

struct lh_uv_resolver;

struct lh_uv_env {
  struct lh_env base;
  uv_loop_t loop;
  uv_prepare_t prepare;
  uv_check_t check;
  uv_idle_t spin;  // active: the next poll does not wait
  uv_async_t wake;
  _Atomic(pthread_t) thread;

  // Timers, and the descriptor that ends a poll when the first of them is due (uv_timer.c).
  struct lh_heap due;
  struct lh_list timers;
  uv_poll_t alarm;
  int alarm_fd;
  lh_ms alarm_at;
  bool alarm_rang;

  // Posted functions, under `lock` (uv_post.c).
  pthread_mutex_t lock;
  struct lh_uv_posts posts;
  bool asleep;  // the loop may be waiting: whoever posts wakes it
  bool stopping;
  bool ended;

  // How the loop's time is spent, to notice that it was away (uv_loop.c).
  lh_ms wait_from;    // when the poll began
  lh_ms wait_until;   // when it was to end; LH_NEVER: by an event only
  lh_ms turn_from;    // when its first event came; LH_NEVER: none yet
  lh_ms worked_from;  // when the turn before had read its sockets: then it ran posts and timers
  lh_ms gap;          // of a stall that on_stall was not told yet; 0: none
  int drains;
  bool unread;  // a reader left something for the next turn

  uint8_t *scratch;
  struct lh_list streams;
  struct lh_list listeners;
  struct lh_list dgrams;
  struct lh_list signals;
  struct lh_uv_resolver *resolver;  // NULL until the first name
  int spare_fd;  // given up for a moment to refuse connections when out of descriptors
  lh_ms spare_logged;
};

static inline struct lh_uv_env *lh_uv_env_of(struct lh_env *env) { return (struct lh_uv_env *)env; }

// Every poll callback calls this first.
void lh_uv_event(struct lh_uv_env *env);
bool lh_uv_on_loop(struct lh_uv_env *env);

uint64_t lh_uv_now_ns(struct lh_env *env);
void lh_uv_random(struct lh_env *env, void *out, size_t len);

int lh_uv_post(struct lh_env *env, void (*fn)(void *data), void *data);
void lh_uv_posts_run(struct lh_uv_env *env);
// Runs what is queued and takes no more.
void lh_uv_posts_end(struct lh_uv_env *env);

void lh_uv_alarm_open(struct lh_uv_env *env);
void lh_uv_alarm_set(struct lh_uv_env *env);
void lh_uv_timers_run(struct lh_uv_env *env, lh_ms now);
void lh_uv_timers_close(struct lh_uv_env *env);
struct lh_timer *lh_uv_timer_new(struct lh_env *env);
void lh_uv_timer_set(struct lh_timer *timer, lh_ms at);
void lh_uv_timer_free(struct lh_timer *timer);

struct lh_stream *lh_uv_stream_dial(struct lh_env *env, const struct lh_addr *to, const char *path,
                                    const struct lh_stream_ops *ops, void *self);
// A stream over an accepted descriptor, not yet read from.
struct lh_stream *lh_uv_stream_accepted(struct lh_uv_env *env, int fd, const struct lh_addr *peer);
void lh_uv_stream_begin(struct lh_stream *stream);  // starts reading, unless it was closed
ssize_t lh_uv_stream_send(struct lh_stream *stream, const void *data, size_t len);
void lh_uv_stream_want_write(struct lh_stream *stream);
void lh_uv_stream_pause(struct lh_stream *stream, bool paused);
void lh_uv_stream_close(struct lh_stream *stream);
void lh_uv_streams_close(struct lh_uv_env *env);

// Fills a unix address. 0, or LH_EINVAL for a path that does not fit.
int lh_uv_unix_addr(struct lh_addr *addr, const char *path);
struct lh_listener *lh_uv_listen(struct lh_env *env, const struct lh_addr *at, const char *path,
                                 struct lh_error *error);
// A bound and listening unix socket, or a negative code (uv_unix.c).
int lh_uv_unix_bind(const char *path, struct lh_error *error);
void lh_uv_listener_close(struct lh_listener *listener);
void lh_uv_listeners_close(struct lh_uv_env *env);

struct lh_dgram *lh_uv_dgram_open(struct lh_env *env, const struct lh_addr *at,
                                  struct lh_error *error);
int lh_uv_dgram_send(struct lh_dgram *dgram, const struct lh_addr *to, const void *data,
                     size_t len);
void lh_uv_dgram_close(struct lh_dgram *dgram);
void lh_uv_dgrams_close(struct lh_uv_env *env);

void lh_uv_resolve(struct lh_env *env, const char *host, uint16_t port, lh_resolve_fn *fn,
                   void *self);
void lh_uv_resolver_close(struct lh_uv_env *env);

void lh_uv_on_signal(struct lh_env *env, int signal_number, lh_signal_fn *fn, void *self);
void lh_uv_signals_close(struct lh_uv_env *env);

// libuv promised success for anything but a misuse: says what failed, and aborts.
void lh_uv_must(int result, const char *what);

#endif
