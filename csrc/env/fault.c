// fault.c - the fault plan at work: an environment around the environment (fault.h).
//
// Its table is the real one but for what a cut concerns. A stream that is dialled is one of ours
// around a real one:
//
//   waiting --both ways are whole--> dialled <--> held: out (nothing is sent), in (nothing is read)
//   closed by its owner while held out: kept without an owner until it is healed, then closed
//   ended while held in: its owner is told when it is healed
//
// Memory: of a stream, its owner's until lh_stream_close, then the list's while it is kept. Thread:
// the loop's, except sending, which looks at one flag of a stream, or at the plan under its lock.
#include "env/fault.h"

#ifdef LH_PLANTS

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"

enum { LOOK_MS = 20, PLAN_BYTES = 64 * 1024 };

struct fault {
  struct lh_env_ops ops;  // what the environment's users call now
  const struct lh_env_ops *real;
  struct lh_env dialled;  // stands in for the environment in streams of ours
  struct lh_env *env;
  struct lh_timer *timer;
  char *path;
  struct lh_buf text;      // what `path` held at the last look
  struct lh_addr own;      // where this node listens
  struct lh_list streams;  // of ours
  pthread_mutex_t lock;    // of the plan
  struct lh_fault_plan plan;
};

struct stream {
  struct lh_stream base;
  struct lh_list link;
  struct fault *fault;
  struct lh_stream *real;  // NULL: waiting
  atomic_bool out_held;    // true while waiting too
  atomic_bool wants_write;
  bool in_held;
  bool paused;  // by its owner
  bool closed;  // by its owner
  int lost;     // the code it ended with while held in; 0: it did not
  const char *reason;
};

static struct fault *fault_of(const struct lh_env *env) {
  return LH_ENTRY(env->ops, struct fault, ops);
}

static bool cuts(struct fault *fault, const struct lh_addr *from, const struct lh_addr *to) {
  (void)pthread_mutex_lock(&fault->lock);
  const bool cut = lh_fault_plan_cuts(&fault->plan, from, to);
  (void)pthread_mutex_unlock(&fault->lock);
  return cut;
}

// --- what a real stream says ---

static void drop(struct stream *stream) {
  if (stream->real != NULL) stream->fault->real->stream_close(stream->real);
  lh_list_remove(&stream->link);
  lh_free(stream);
}

static void on_connected(void *self) {
  const struct stream *stream = self;
  if (!stream->closed) stream->base.ops->on_connected(stream->base.self);
}

static void on_data(void *self, const uint8_t *data, size_t len) {
  const struct stream *stream = self;
  if (!stream->closed) stream->base.ops->on_data(stream->base.self, data, len);
}

static void on_writable(void *self) {
  const struct stream *stream = self;
  if (!stream->closed) stream->base.ops->on_writable(stream->base.self);
}

static void on_closed(void *self, int err, const char *reason) {
  struct stream *stream = self;
  if (stream->closed) {
    drop(stream);
  } else if (stream->in_held) {
    stream->lost = err;
    stream->reason = reason;
  } else {
    stream->base.ops->on_closed(stream->base.self, err, reason);
  }
}

static const struct lh_stream_ops real_ops = {on_connected, on_data, on_writable, on_closed};

// --- what its owner asks ---

static ssize_t stream_send(struct lh_stream *base, const void *data, size_t len) {
  struct stream *stream = (struct stream *)base;
  if (atomic_load(&stream->out_held)) return 0;
  return stream->fault->real->stream_send(stream->real, data, len);
}

static void pass_want(struct stream *stream) {
  if (atomic_load(&stream->out_held) || !atomic_exchange(&stream->wants_write, false)) return;
  stream->fault->real->stream_want_write(stream->real);
}

// The wish is noted before the flag is looked at, and healing does it the other way round: one of
// the two passes it on.
static void stream_want_write(struct lh_stream *base) {
  struct stream *stream = (struct stream *)base;
  atomic_store(&stream->wants_write, true);
  pass_want(stream);
}

static void apply_pause(struct stream *stream) {
  const bool paused = stream->paused || stream->in_held || stream->closed;
  if (stream->real != NULL) stream->fault->real->stream_pause(stream->real, paused);
}

static void stream_pause(struct lh_stream *base, bool paused) {
  struct stream *stream = (struct stream *)base;
  stream->paused = paused;
  apply_pause(stream);
}

static void stream_close(struct lh_stream *base) {
  struct stream *stream = (struct stream *)base;
  if (stream->closed) return;
  stream->closed = true;
  const bool keep = stream->real != NULL && stream->lost == 0 && atomic_load(&stream->out_held);
  if (keep) {
    apply_pause(stream);
  } else {
    drop(stream);
  }
}

static const struct lh_env_ops dialled_ops = {
    .stream_send = stream_send,
    .stream_want_write = stream_want_write,
    .stream_pause = stream_pause,
    .stream_close = stream_close,
};

// --- what the plan makes of it ---

static void tell_lost(struct stream *stream) {
  const int err = stream->lost;
  stream->lost = 0;
  stream->base.ops->on_closed(stream->base.self, err, stream->reason);
}

static void look(struct stream *stream) {
  struct fault *fault = stream->fault;
  const bool out = cuts(fault, &fault->own, &stream->base.peer);
  stream->in_held = cuts(fault, &stream->base.peer, &fault->own);
  if (stream->real == NULL && !out && !stream->in_held) {
    stream->real =
        fault->real->stream_dial(fault->env, &stream->base.peer, NULL, &real_ops, stream);
  }
  atomic_store(&stream->out_held, out || stream->real == NULL);
  if (stream->closed && !out) {
    drop(stream);
  } else if (stream->lost != 0 && !stream->in_held) {
    tell_lost(stream);
  } else {
    apply_pause(stream);
    pass_want(stream);
  }
}

// A stream that is told something may close others, and dial.
static void look_at_all(struct fault *fault) {
  struct lh_list left;
  lh_list_init(&left);
  while (!lh_list_empty(&fault->streams)) lh_list_push(&left, lh_list_pop(&fault->streams));
  while (!lh_list_empty(&left)) {
    struct lh_list *link = lh_list_pop(&left);
    lh_list_push(&fault->streams, link);
    look(LH_ENTRY(link, struct stream, link));
  }
}

static _Noreturn void refuse_plan(const struct fault *fault, const struct lh_error *error) {
  (void)fprintf(stderr, "LUAHUB_FAULT_PLAN is %s: %s\n", fault->path, error->text);
  abort();
}

static void take_plan(struct fault *fault, struct lh_buf *text) {
  lh_buf_free(&fault->text);
  fault->text = *text;
  char *copy = lh_zalloc(text->len + 1);
  struct lh_error error;
  for (size_t i = 0; i < text->len; i++) copy[i] = (char)text->data[i];
  (void)pthread_mutex_lock(&fault->lock);
  const int err = lh_fault_plan_parse(&fault->plan, copy, &error);
  (void)pthread_mutex_unlock(&fault->lock);
  if (err != 0) refuse_plan(fault, &error);
  lh_free(copy);
  look_at_all(fault);
}

static void read_plan(struct fault *fault) {
  struct lh_buf text = LH_BUF_EMPTY;
  struct lh_error error;
  if (fault->real->file_read(fault->env, fault->path, PLAN_BYTES, &text, &error) != 0) {
    refuse_plan(fault, &error);
  }
  if (lh_bytes_equal(lh_bytes_of(&text), lh_bytes_of(&fault->text))) {
    lh_buf_free(&text);
  } else {
    take_plan(fault, &text);
  }
}

static void on_timer(void *self, lh_ms now) {
  struct fault *fault = self;
  read_plan(fault);
  lh_timer_set(fault->timer, now + LOOK_MS);
}

// --- the environment ---

static struct lh_stream *stream_dial(struct lh_env *env, const struct lh_addr *to, const char *path,
                                     const struct lh_stream_ops *ops, void *self) {
  struct fault *fault = fault_of(env);
  if (to == NULL) return fault->real->stream_dial(env, NULL, path, ops, self);
  struct stream *stream = LH_NEW(struct stream);
  stream->fault = fault;
  stream->base.env = &fault->dialled;
  stream->base.ops = ops;
  stream->base.self = self;
  stream->base.peer = *to;
  stream->base.uid = -1;
  lh_list_push(&fault->streams, &stream->link);
  look(stream);
  return &stream->base;
}

static struct lh_listener *listen_at(struct lh_env *env, const struct lh_addr *at, const char *path,
                                     struct lh_error *error) {
  struct fault *fault = fault_of(env);
  struct lh_listener *listener = fault->real->listen(env, at, path, error);
  if (listener != NULL && at != NULL) fault->own = listener->addr;
  return listener;
}

static int dgram_send(struct lh_dgram *dgram, const struct lh_addr *to, const void *data,
                      size_t len) {
  struct fault *fault = fault_of(dgram->env);
  if (cuts(fault, &dgram->addr, to)) return 0;
  return fault->real->dgram_send(dgram, to, data, len);
}

// The real one first: what was posted still runs in it, and may ask for what is ours.
static void free_env(struct lh_env *env) {
  struct fault *fault = fault_of(env);
  fault->real->free(env);
  while (!lh_list_empty(&fault->streams)) {
    lh_free(LH_ENTRY(lh_list_pop(&fault->streams), struct stream, link));
  }
  lh_fault_plan_free(&fault->plan);
  lh_buf_free(&fault->text);
  lh_free(fault->path);
  (void)pthread_mutex_destroy(&fault->lock);
  lh_free(fault);
}

void lh_fault_wrap(struct lh_env *env) {
  const char *path = getenv("LUAHUB_FAULT_PLAN");
  if (path == NULL) return;
  struct fault *fault = LH_NEW(struct fault);
  fault->real = env->ops;
  fault->env = env;
  fault->path = lh_strdup(path);
  fault->dialled.ops = &dialled_ops;
  fault->ops = *env->ops;
  fault->ops.free = free_env;
  fault->ops.stream_dial = stream_dial;
  fault->ops.listen = listen_at;
  fault->ops.dgram_send = dgram_send;
  lh_list_init(&fault->streams);
  (void)pthread_mutex_init(&fault->lock, NULL);
  env->ops = &fault->ops;
  read_plan(fault);
  fault->timer = lh_timer_new(env, on_timer, fault);
  lh_timer_set(fault->timer, lh_env_now(env) + LOOK_MS);
}

#else
typedef int lh_faults_are_not_built;  // a file must have something in it
#endif
