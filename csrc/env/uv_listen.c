// uv_listen.c - listening sockets. Accepted streams go to the owner's callback, which sets their
// ops.
//
// Out of descriptors: accept would fail for ever while the socket stays readable, and the loop
// would spin. So one descriptor is kept spare: it is given up to accept and close the connection,
// then taken again.
#include "env/uv_env.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { BACKLOG = 1024, SPARE_LOG_MS = 1000 };

struct listener {
  struct lh_listener base;
  struct lh_list link;
  uv_poll_t poll;
  int fd;
  bool closed;
  char *path;  // of a unix socket: removed at close if it is still ours
  dev_t dev;
  ino_t ino;
};

static void refuse_one(struct lh_uv_env *env, int fd, int number) {
  const lh_ms now = lh_env_now(&env->base);
  if (now - env->spare_logged >= SPARE_LOG_MS) {
    env->spare_logged = now;
    lh_log(LH_LOG_WARN, "env", "cannot accept connections: %s; closing new ones",
           lh_env_reason(number));
  }
  if (env->spare_fd < 0) return;
  (void)close(env->spare_fd);
  const int refused = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  if (refused >= 0) {
    env->base.accepts_refused++;
    (void)close(refused);
  }
  env->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accepted(struct listener *listener, int fd, const struct lh_addr *peer) {
  struct lh_stream *stream = lh_uv_stream_accepted(lh_uv_env_of(listener->base.env), fd, peer);
  listener->base.fn(listener->base.self, stream);
  lh_uv_stream_begin(stream);
}

// One connection. False when there is none left.
static bool accept_one(struct listener *listener) {
  struct lh_addr peer = {.len = sizeof peer.storage};
  const int fd = accept4(listener->fd, (struct sockaddr *)&peer.storage, &peer.len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    accepted(listener, fd, &peer);
    return true;
  }
  if (errno == ECONNABORTED || errno == EINTR) return true;
  if (errno == EMFILE || errno == ENFILE) {
    refuse_one(lh_uv_env_of(listener->base.env), listener->fd, errno);
  }
  return false;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct listener *listener = poll->data;
  lh_uv_event(lh_uv_env_of(listener->base.env));
  for (int i = 0; i < LH_UV_ACCEPT_TURN && !listener->closed; i++) {
    if (!accept_one(listener)) return;
  }
}

static void handle_closed(uv_handle_t *handle) {
  struct listener *listener = handle->data;
  lh_free(listener->path);
  lh_free(listener);
}

static struct listener *watch(struct lh_uv_env *env, int fd) {
  struct listener *listener = LH_NEW(struct listener);
  listener->fd = fd;
  listener->base.env = &env->base;
  listener->base.addr.len = sizeof listener->base.addr.storage;
  (void)getsockname(fd, (struct sockaddr *)&listener->base.addr.storage, &listener->base.addr.len);
  lh_list_push(&env->listeners, &listener->link);
  lh_uv_must(uv_poll_init(&env->loop, &listener->poll, fd), "watching a listener");
  listener->poll.data = listener;
  lh_uv_must(uv_poll_start(&listener->poll, UV_READABLE, on_readable), "watching a listener");
  return listener;
}

// 0, or an errno.
static int bind_and_listen(int fd, const struct lh_addr *at) {
  const int on = 1;
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at->storage.ss_family == AF_INET6) {
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (bind(fd, (const struct sockaddr *)&at->storage, at->len) != 0) return errno;
  return listen(fd, BACKLOG) == 0 ? 0 : errno;
}

static int tcp_listen(const struct lh_addr *at, struct lh_error *error) {
  char text[LH_ADDR_TEXT_MAX];
  lh_addr_format(at, text);
  const int fd = socket(at->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int number = fd < 0 ? errno : bind_and_listen(fd, at);
  if (number == 0) return fd;
  if (fd >= 0) (void)close(fd);
  return lh_fail(error, lh_env_code(number), "cannot listen on %s: %s", text,
                 lh_env_reason(number));
}

struct lh_listener *lh_uv_listen(struct lh_env *base, const struct lh_addr *at, const char *path,
                                 struct lh_error *error) {
  const int fd = at != NULL ? tcp_listen(at, error) : lh_uv_unix_bind(path, error);
  if (fd < 0) return NULL;
  struct listener *listener = watch(lh_uv_env_of(base), fd);
  struct stat stat;
  if (at == NULL && lstat(path, &stat) == 0) {
    listener->path = lh_strdup(path);
    listener->dev = stat.st_dev;
    listener->ino = stat.st_ino;
    listener->base.addr.len = 0;
  }
  return &listener->base;
}

// Another process may have replaced the file meanwhile; that one stays.
static void remove_file(const struct listener *listener) {
  struct stat stat;
  if (listener->path == NULL || lstat(listener->path, &stat) != 0) return;
  if (stat.st_dev == listener->dev && stat.st_ino == listener->ino) (void)unlink(listener->path);
}

void lh_uv_listener_close(struct lh_listener *base) {
  struct listener *listener = (struct listener *)base;
  if (listener->closed) return;
  listener->closed = true;
  lh_list_remove(&listener->link);
  remove_file(listener);
  uv_close((uv_handle_t *)&listener->poll, handle_closed);
  (void)close(listener->fd);
}

void lh_uv_listeners_close(struct lh_uv_env *env) {
  while (!lh_list_empty(&env->listeners)) {
    lh_uv_listener_close(&LH_ENTRY(env->listeners.next, struct listener, link)->base);
  }
}
