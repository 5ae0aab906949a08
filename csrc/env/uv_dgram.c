// uv_dgram.c - datagrams over a non-blocking socket that libuv only watches; any thread may send.
#include "env/uv_env.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/mem.h"

struct dgram {
  struct lh_dgram base;
  struct lh_list link;
  uv_poll_t poll;
  int fd;
  bool closed;
};

// One datagram. False when there is none left.
static bool receive_one(struct dgram *dgram) {
  struct lh_uv_env *env = lh_uv_env_of(dgram->base.env);
  struct lh_addr from = {.len = sizeof from.storage};
  const ssize_t got = recvfrom(dgram->fd, env->scratch, LH_UV_SCRATCH, 0,
                               (struct sockaddr *)&from.storage, &from.len);
  // Errors here are reports about datagrams sent before, for which loss is not an error.
  if (got < 0) return errno != EAGAIN;
  dgram->base.fn(dgram->base.self, &from, env->scratch, (size_t)got);
  return true;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void watch(struct dgram *dgram) {
  lh_uv_must(uv_poll_start(&dgram->poll, UV_READABLE, on_readable), "watching datagrams");
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)events;
  struct dgram *dgram = poll->data;
  struct lh_uv_env *env = lh_uv_env_of(dgram->base.env);
  lh_uv_event(env);
  int left = LH_UV_DGRAM_TURN;
  while (left > 0 && !dgram->closed && receive_one(dgram)) left--;
  if (left == 0) env->unread = true;
  if (status < 0 && !dgram->closed) watch(dgram);  // a pending error made libuv stop watching
}

static void handle_closed(uv_handle_t *handle) { lh_free(handle->data); }

static void set_option(int fd, int level, int option, int value) {
  (void)setsockopt(fd, level, option, &value, sizeof value);
}

// A bound socket, or -1 and errno.
static int open_socket(const struct lh_addr *at) {
  const int family = at->storage.ss_family;
  const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  set_option(fd, SOL_SOCKET, SO_RCVBUF, LH_UV_SOCKET_BUFFER);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, LH_UV_SOCKET_BUFFER);
  if (family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (bind(fd, (const struct sockaddr *)&at->storage, at->len) == 0) return fd;
  const int number = errno;
  (void)close(fd);
  errno = number;
  return -1;
}

struct lh_dgram *lh_uv_dgram_open(struct lh_env *base, const struct lh_addr *at,
                                  struct lh_error *error) {
  struct lh_uv_env *env = lh_uv_env_of(base);
  const int fd = open_socket(at);
  if (fd < 0) {
    const int number = errno;
    char text[LH_ADDR_TEXT_MAX];
    lh_addr_format(at, text);
    (void)lh_fail(error, lh_env_code(number), "cannot receive datagrams on %s: %s", text,
                  lh_env_reason(number));
    return NULL;
  }
  struct dgram *dgram = LH_NEW(struct dgram);
  dgram->fd = fd;
  dgram->base.env = base;
  dgram->base.addr.len = sizeof dgram->base.addr.storage;
  (void)getsockname(fd, (struct sockaddr *)&dgram->base.addr.storage, &dgram->base.addr.len);
  lh_list_push(&env->dgrams, &dgram->link);
  lh_uv_must(uv_poll_init(&env->loop, &dgram->poll, fd), "watching datagrams");
  dgram->poll.data = dgram;
  watch(dgram);
  return &dgram->base;
}

int lh_uv_dgram_send(struct lh_dgram *base, const struct lh_addr *to, const void *data,
                     size_t len) {
  const struct dgram *dgram = (const struct dgram *)base;
  if (len > LH_DATAGRAM_MAX) return LH_ELIMIT;
  ssize_t put;
  do {
    put = sendto(dgram->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)&to->storage, to->len);
  } while (put < 0 && errno == EINTR);
  if (put >= 0 || errno == EAGAIN || errno == ENOBUFS || errno == ECONNREFUSED) return 0;
  return lh_env_code(errno);
}

void lh_uv_dgram_close(struct lh_dgram *base) {
  struct dgram *dgram = (struct dgram *)base;
  if (dgram->closed) return;
  dgram->closed = true;
  lh_list_remove(&dgram->link);
  uv_close((uv_handle_t *)&dgram->poll, handle_closed);
  (void)close(dgram->fd);
}

void lh_uv_dgrams_close(struct lh_uv_env *env) {
  while (!lh_list_empty(&env->dgrams)) {
    lh_uv_dgram_close(&LH_ENTRY(env->dgrams.next, struct dgram, link)->base);
  }
}
