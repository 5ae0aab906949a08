// uv_stream.c - byte streams over non-blocking sockets that libuv only watches.
//
//   dialled:  connecting --writable--> open --end of file, error--> ended
//   accepted: ------------ops set----> open
//   lh_stream_close from any of them, inside any callback
//
// The descriptor is ours, so any thread may send on it without asking the loop. Memory: the owner's
// until lh_stream_close; then it lives until libuv let go of the handle and no posted kick points
// to it. Thread: the loop's, except send and want_write.
#include "env/uv_env.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

enum {
  KEEPALIVE_IDLE_S = 5,
  KEEPALIVE_INTERVAL_S = 2,
  KEEPALIVE_COUNT = 3,
  UNACKED_MAX_MS = 10000,
};

struct stream {
  struct lh_stream base;
  struct lh_list link;
  uv_poll_t poll;
  int fd;       // -1: the dial failed before there was one
  int failed;   // errno of a dial that failed at once, reported by a kick
  int holders;  // of this memory: the owner, the handle, a running kick
  bool connecting;
  bool wants_write;
  bool paused;
  bool ended;          // on_closed was called
  bool closed;         // by the owner
  atomic_bool kicked;  // a kick is posted; it holds the memory too
};

static struct lh_uv_env *env_of(struct stream *stream) { return lh_uv_env_of(stream->base.env); }

static void let_go(struct stream *stream) {
  if (--stream->holders == 0 && !atomic_load(&stream->kicked)) lh_free(stream);
}

static void handle_closed(uv_handle_t *handle) { let_go(handle->data); }

static void end(struct stream *stream, int err, const char *reason) {
  if (stream->ended || stream->closed) return;
  stream->ended = true;
  if (stream->fd >= 0) (void)uv_poll_stop(&stream->poll);
  if (stream->base.ops != NULL) stream->base.ops->on_closed(stream->base.self, err, reason);
}

static void end_errno(struct stream *stream, int number) {
  int err = lh_env_code(number);
  // Only a refusal means that the machine is there and nothing listens.
  if (stream->connecting && err == LH_ECLOSED && number != ECONNREFUSED) err = LH_EIO;
  end(stream, err, lh_env_reason(number));
}

static void on_event(uv_poll_t *poll, int status, int events);

static void watch(struct stream *stream) {
  if (stream->closed || stream->ended || stream->fd < 0) return;
  int events = 0;
  if (stream->connecting || stream->wants_write) events |= UV_WRITABLE;
  if (!stream->connecting && !stream->paused) events |= UV_READABLE;
  if (events == 0) {
    (void)uv_poll_stop(&stream->poll);
  } else {
    lh_uv_must(uv_poll_start(&stream->poll, events, on_event), "watching a stream");
  }
}

static int socket_error(int fd) {
  int number = 0;
  socklen_t len = sizeof number;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0) return errno;
  return number;
}

static void note_uid(struct stream *stream) {
  struct ucred cred;
  socklen_t len = sizeof cred;
  if (getsockopt(stream->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
    stream->base.uid = (int)cred.uid;
  }
}

static void finish_connect(struct stream *stream) {
  const int number = socket_error(stream->fd);
  if (number != 0) {
    end_errno(stream, number);
    return;
  }
  stream->connecting = false;
  if (stream->base.peer.len == 0) note_uid(stream);
  watch(stream);
  stream->base.ops->on_connected(stream->base.self);
}

static bool is_reading(const struct stream *stream) {
  return !stream->closed && !stream->ended && !stream->paused;
}

// Hands over what one read gives. Its size, 0 at end of file, or a negative errno.
static ssize_t read_once(struct stream *stream) {
  struct lh_uv_env *env = env_of(stream);
  ssize_t got;
  do {
    got = recv(stream->fd, env->scratch, LH_UV_SCRATCH, 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) stream->base.ops->on_data(stream->base.self, env->scratch, (size_t)got);
  return got >= 0 ? got : -errno;
}

// Reads until the socket is empty or the stream had its share of the turn. A short read means
// empty.
static void read_some(struct stream *stream) {
  ssize_t got = LH_UV_SCRATCH;
  size_t total = 0;
  while (got == LH_UV_SCRATCH && total < LH_UV_READ_TURN && is_reading(stream)) {
    got = read_once(stream);
    if (got > 0) total += (size_t)got;
  }
  if (total >= LH_UV_READ_TURN) env_of(stream)->unread = true;
  if (got == 0) end(stream, LH_ECLOSED, "end of file");
  if (got < 0 && got != -EAGAIN) end_errno(stream, (int)-got);
}

// libuv no longer watches a socket with a pending error. What came before the error is still there
// to read, and nothing will follow it.
static void read_to_error(struct stream *stream) {
  const int number = socket_error(stream->fd);
  ssize_t got = 1;
  while (got > 0 && is_reading(stream)) got = read_once(stream);
  end_errno(stream, number != 0 ? number : EIO);
}

static void on_event(uv_poll_t *poll, int status, int events) {
  struct stream *stream = poll->data;
  lh_uv_event(env_of(stream));
  if (stream->connecting) {
    finish_connect(stream);
    return;
  }
  if (status < 0) {
    read_to_error(stream);
    return;
  }
  if ((events & UV_READABLE) != 0) read_some(stream);
  if ((events & UV_WRITABLE) == 0 || !stream->wants_write) return;
  stream->wants_write = false;
  watch(stream);
  if (!stream->closed && !stream->ended) stream->base.ops->on_writable(stream->base.self);
}

// What another thread, or a dial that failed at once, asks of the loop.
static void kick(void *data) {
  struct stream *stream = data;
  stream->holders++;
  atomic_store(&stream->kicked, false);
  if (stream->failed != 0) {
    end_errno(stream, stream->failed);
  } else {
    stream->wants_write = true;
    watch(stream);
  }
  let_go(stream);
}

static void post_kick(struct stream *stream) {
  if (atomic_exchange(&stream->kicked, true)) return;
  if (lh_env_post(stream->base.env, kick, stream) != 0) atomic_store(&stream->kicked, false);
}

static struct stream *new_stream(struct lh_uv_env *env, int fd) {
  struct stream *stream = LH_NEW(struct stream);
  stream->base.env = &env->base;
  stream->base.uid = -1;
  stream->fd = fd;
  stream->holders = 1;
  lh_list_push(&env->streams, &stream->link);
  if (fd < 0) return stream;
  lh_uv_must(uv_poll_init(&env->loop, &stream->poll, fd), "watching a stream");
  stream->poll.data = stream;
  stream->holders++;
  return stream;
}

static void set_option(int fd, int level, int option, int value) {
  (void)setsockopt(fd, level, option, &value, sizeof value);
}

static void tune(int fd, int family) {
  if (family == AF_UNIX) return;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MAX_MS);
}

// A socket on its way to `addr`, or -1 and the errno.
static int start_connect(const struct lh_addr *addr, int *failed) {
  const int family = addr->storage.ss_family;
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    *failed = errno;
    return -1;
  }
  tune(fd, family);
  const struct sockaddr *to = (const struct sockaddr *)&addr->storage;
  if (connect(fd, to, addr->len) == 0 || errno == EINPROGRESS) return fd;
  *failed = errno;
  (void)close(fd);
  return -1;
}

struct lh_stream *lh_uv_stream_dial(struct lh_env *base, const struct lh_addr *to, const char *path,
                                    const struct lh_stream_ops *ops, void *self) {
  struct lh_addr addr = {0};
  int failed = 0;
  if (to != NULL) {
    addr = *to;
  } else if (lh_uv_unix_addr(&addr, path) != 0) {
    failed = ENAMETOOLONG;
  }
  const int fd = failed == 0 ? start_connect(&addr, &failed) : -1;
  struct stream *stream = new_stream(lh_uv_env_of(base), fd);
  stream->base.ops = ops;
  stream->base.self = self;
  if (to != NULL) stream->base.peer = *to;
  stream->connecting = true;
  stream->failed = failed;
  if (failed != 0) post_kick(stream);
  watch(stream);
  return &stream->base;
}

struct lh_stream *lh_uv_stream_accepted(struct lh_uv_env *env, int fd, const struct lh_addr *peer) {
  struct stream *stream = new_stream(env, fd);
  const int family = peer->storage.ss_family;
  tune(fd, family);
  if (family == AF_UNIX) {
    note_uid(stream);
  } else {
    stream->base.peer = *peer;
  }
  return &stream->base;
}

void lh_uv_stream_begin(struct lh_stream *base) {
  struct stream *stream = (struct stream *)base;
  if (!stream->closed && base->ops == NULL) lh_stream_close(base);
  watch(stream);
}

ssize_t lh_uv_stream_send(struct lh_stream *base, const void *data, size_t len) {
  const struct stream *stream = (const struct stream *)base;
  for (;;) {
    const ssize_t put = send(stream->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) return put;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return lh_env_code(errno);
  }
}

void lh_uv_stream_want_write(struct lh_stream *base) {
  struct stream *stream = (struct stream *)base;
  if (!lh_uv_on_loop(env_of(stream))) {
    post_kick(stream);
    return;
  }
  stream->wants_write = true;
  watch(stream);
}

void lh_uv_stream_pause(struct lh_stream *base, bool paused) {
  struct stream *stream = (struct stream *)base;
  stream->paused = paused;
  watch(stream);
}

void lh_uv_stream_close(struct lh_stream *base) {
  struct stream *stream = (struct stream *)base;
  if (stream->closed) return;
  stream->closed = true;
  lh_list_remove(&stream->link);
  if (stream->fd >= 0) {
    uv_close((uv_handle_t *)&stream->poll, handle_closed);
    (void)close(stream->fd);
  }
  let_go(stream);
}

void lh_uv_streams_close(struct lh_uv_env *env) {
  while (!lh_list_empty(&env->streams)) {
    lh_uv_stream_close(&LH_ENTRY(env->streams.next, struct stream, link)->base);
  }
}
