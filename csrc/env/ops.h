// ops.h - what an environment must be able to do; private to this room.
//
// env.h is one thin call through this table. Two tables exist: uv_loop.c (the machine) and
// sim_env.c (the simulator). The structs below are the common heads of theirs, which embed them as
// the first member.
#ifndef LH_ENV_OPS_H
#define LH_ENV_OPS_H

#include "env/env.h"

struct lh_env_ops {
  void (*free)(struct lh_env *env);
  void (*run)(struct lh_env *env);
  void (*stop)(struct lh_env *env);
  int (*post)(struct lh_env *env, void (*fn)(void *data), void *data);
  uint64_t (*now_ns)(struct lh_env *env);
  void (*random)(struct lh_env *env, void *out, size_t len);
  void (*on_signal)(struct lh_env *env, int signal_number, lh_signal_fn *fn, void *self);
  void (*resolve)(struct lh_env *env, const char *host, uint16_t port, lh_resolve_fn *fn,
                  void *self);

  struct lh_timer *(*timer_new)(struct lh_env *env);
  void (*timer_set)(struct lh_timer *timer, lh_ms at);
  void (*timer_free)(struct lh_timer *timer);

  // `to` or `path`, the other is NULL.
  struct lh_stream *(*stream_dial)(struct lh_env *env, const struct lh_addr *to, const char *path,
                                   const struct lh_stream_ops *ops, void *self);
  ssize_t (*stream_send)(struct lh_stream *stream, const void *data, size_t len);
  void (*stream_want_write)(struct lh_stream *stream);
  void (*stream_pause)(struct lh_stream *stream, bool paused);
  void (*stream_close)(struct lh_stream *stream);

  struct lh_listener *(*listen)(struct lh_env *env, const struct lh_addr *at, const char *path,
                                struct lh_error *error);
  void (*listener_close)(struct lh_listener *listener);

  struct lh_dgram *(*dgram_open)(struct lh_env *env, const struct lh_addr *at,
                                 struct lh_error *error);
  int (*dgram_send)(struct lh_dgram *dgram, const struct lh_addr *to, const void *data, size_t len);
  void (*dgram_close)(struct lh_dgram *dgram);

  int (*file_read)(struct lh_env *env, const char *path, size_t max, struct lh_buf *out,
                   struct lh_error *error);
  int (*file_write)(struct lh_env *env, const char *path, struct lh_bytes data, int mode,
                    struct lh_error *error);
};

struct lh_env {
  const struct lh_env_ops *ops;
  lh_stall_fn *on_stall;
  void *stall_self;
  uint64_t accepts_refused;
  bool imitates;
};

struct lh_timer {
  struct lh_env *env;
  lh_timer_fn *fn;
  void *self;
};

struct lh_stream {
  struct lh_env *env;
  const struct lh_stream_ops *ops;  // NULL: accepted, and not yet set
  void *self;
  struct lh_addr peer;
  int uid;
};

struct lh_listener {
  struct lh_env *env;
  lh_accept_fn *fn;
  void *self;
  struct lh_addr addr;  // as bound, with its real port
};

struct lh_dgram {
  struct lh_env *env;
  lh_dgram_fn *fn;
  void *self;
  struct lh_addr addr;
};

// The code and the words for an errno.
int lh_env_code(int error);
const char *lh_env_reason(int error);

// The files of the machine (file.c).
int lh_env_file_read(struct lh_env *env, const char *path, size_t max, struct lh_buf *out,
                     struct lh_error *error);
int lh_env_file_write(struct lh_env *env, const char *path, struct lh_bytes data, int mode,
                      struct lh_error *error);

#endif
