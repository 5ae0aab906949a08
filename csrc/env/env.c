// env.c - the face of the environment: every call goes through the table of the one at hand.
#include "env/ops.h"

#include <errno.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

void lh_env_free(struct lh_env *env) {
  if (env != NULL) env->ops->free(env);
}
void lh_env_run(struct lh_env *env) { env->ops->run(env); }
void lh_env_stop(struct lh_env *env) { env->ops->stop(env); }
int lh_env_post(struct lh_env *env, void (*fn)(void *data), void *data) {
  return env->ops->post(env, fn, data);
}
uint64_t lh_env_accepts_refused(const struct lh_env *env) { return env->accepts_refused; }

lh_ms lh_env_now(struct lh_env *env) { return (lh_ms)(env->ops->now_ns(env) / NS_PER_MS); }
uint64_t lh_env_now_ns(struct lh_env *env) { return env->ops->now_ns(env); }
void lh_env_random(struct lh_env *env, void *out, size_t len) { env->ops->random(env, out, len); }

bool lh_env_imitates(const struct lh_env *env) { return env->imitates; }

void lh_env_on_stall(struct lh_env *env, lh_stall_fn *fn, void *self) {
  env->on_stall = fn;
  env->stall_self = self;
}

void lh_env_on_signal(struct lh_env *env, int signal_number, lh_signal_fn *fn, void *self) {
  env->ops->on_signal(env, signal_number, fn, self);
}

void lh_resolve(struct lh_env *env, const char *host, uint16_t port, lh_resolve_fn *fn,
                void *self) {
  env->ops->resolve(env, host, port, fn, self);
}

struct lh_timer *lh_timer_new(struct lh_env *env, lh_timer_fn *fn, void *self) {
  struct lh_timer *timer = env->ops->timer_new(env);
  timer->env = env;
  timer->fn = fn;
  timer->self = self;
  return timer;
}
void lh_timer_set(struct lh_timer *timer, lh_ms at) { timer->env->ops->timer_set(timer, at); }
void lh_timer_free(struct lh_timer *timer) {
  if (timer != NULL) timer->env->ops->timer_free(timer);
}

struct lh_stream *lh_stream_dial(struct lh_env *env, const struct lh_addr *to,
                                 const struct lh_stream_ops *ops, void *self) {
  return env->ops->stream_dial(env, to, NULL, ops, self);
}
struct lh_stream *lh_stream_dial_unix(struct lh_env *env, const char *path,
                                      const struct lh_stream_ops *ops, void *self) {
  return env->ops->stream_dial(env, NULL, path, ops, self);
}
ssize_t lh_stream_send(struct lh_stream *stream, const void *data, size_t len) {
  return stream->env->ops->stream_send(stream, data, len);
}
void lh_stream_want_write(struct lh_stream *stream) { stream->env->ops->stream_want_write(stream); }
void lh_stream_pause(struct lh_stream *stream, bool paused) {
  stream->env->ops->stream_pause(stream, paused);
}
const struct lh_addr *lh_stream_peer(const struct lh_stream *stream) { return &stream->peer; }
int lh_stream_peer_uid(const struct lh_stream *stream) { return stream->uid; }
void lh_stream_close(struct lh_stream *stream) {
  if (stream != NULL) stream->env->ops->stream_close(stream);
}
void lh_stream_set_ops(struct lh_stream *stream, const struct lh_stream_ops *ops, void *self) {
  stream->ops = ops;
  stream->self = self;
}

static struct lh_listener *begin_listening(struct lh_listener *listener, struct lh_env *env,
                                           lh_accept_fn *fn, void *self) {
  if (listener == NULL) return NULL;
  listener->env = env;
  listener->fn = fn;
  listener->self = self;
  return listener;
}
struct lh_listener *lh_listen(struct lh_env *env, const struct lh_addr *at, lh_accept_fn *fn,
                              void *self, struct lh_error *error) {
  return begin_listening(env->ops->listen(env, at, NULL, error), env, fn, self);
}
struct lh_listener *lh_listen_unix(struct lh_env *env, const char *path, lh_accept_fn *fn,
                                   void *self, struct lh_error *error) {
  return begin_listening(env->ops->listen(env, NULL, path, error), env, fn, self);
}
void lh_listener_addr(const struct lh_listener *listener, struct lh_addr *out) {
  *out = listener->addr;
}
void lh_listener_close(struct lh_listener *listener) {
  if (listener != NULL) listener->env->ops->listener_close(listener);
}

struct lh_dgram *lh_dgram_open(struct lh_env *env, const struct lh_addr *at, lh_dgram_fn *fn,
                               void *self, struct lh_error *error) {
  struct lh_dgram *dgram = env->ops->dgram_open(env, at, error);
  if (dgram == NULL) return NULL;
  dgram->env = env;
  dgram->fn = fn;
  dgram->self = self;
  return dgram;
}
void lh_dgram_addr(const struct lh_dgram *dgram, struct lh_addr *out) { *out = dgram->addr; }
int lh_dgram_send(struct lh_dgram *dgram, const struct lh_addr *to, const void *data, size_t len) {
  return dgram->env->ops->dgram_send(dgram, to, data, len);
}
void lh_dgram_close(struct lh_dgram *dgram) {
  if (dgram != NULL) dgram->env->ops->dgram_close(dgram);
}

int lh_file_read(struct lh_env *env, const char *path, size_t max, struct lh_buf *out,
                 struct lh_error *error) {
  return env->ops->file_read(env, path, max, out, error);
}
int lh_file_write(struct lh_env *env, const char *path, struct lh_bytes data, int mode,
                  struct lh_error *error) {
  return env->ops->file_write(env, path, data, mode, error);
}

int lh_env_code(int error) {
  switch (error) {
  case ECONNREFUSED:
  case ECONNRESET:
  case EPIPE:
    return LH_ECLOSED;
  case ETIMEDOUT:
    return LH_ETIMEOUT;
  case ENOENT:
    return LH_ENOTFOUND;
  case EADDRINUSE:
    return LH_EEXISTS;
  case EACCES:
  case EPERM:
    return LH_EDENIED;
  case EMFILE:
  case ENFILE:
  case EMSGSIZE:
    return LH_ELIMIT;
  default:
    return LH_EIO;
  }
}

const char *lh_env_reason(int error) {
  switch (error) {
  case ECONNREFUSED:
    return "connection refused";
  case ECONNRESET:
    return "connection reset by peer";
  case ETIMEDOUT:
    return "connection timed out";
  case ENOENT:
    return "no such file or directory";
  case EADDRINUSE:
    return "address already in use";
  case EHOSTUNREACH:
    return "no route to host";
  case ENETUNREACH:
    return "network is unreachable";
  default:
    break;
  }
  const char *text = strerrordesc_np(error);
  return text != NULL ? text : "unknown error";
}
