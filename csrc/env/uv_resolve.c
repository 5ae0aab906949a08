// uv_resolve.c - names to addresses by c-ares, whose sockets this loop watches. Nothing here
// blocks.
//
//   query: asked -> answered (numeric: by a post; a name: by c-ares) -> freed
//
// A query belongs to this file until its answer. c-ares opens and closes its own sockets and says
// so through on_socket_state; libuv must let go of one before c-ares closes it, which uv_close does
// at once.
#include "env/uv_env.h"

#include <ares.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

enum { TRIES = 2, TRY_TIMEOUT_MS = 2000 };

struct lh_uv_resolver {
  struct lh_uv_env *env;
  ares_channel channel;
  struct lh_timer *timer;
  struct lh_list sockets;
  struct lh_list queries;
};

struct name_socket {
  uv_poll_t poll;
  struct lh_list link;
  struct lh_uv_resolver *resolver;
  ares_socket_t fd;
};

struct query {
  struct lh_uv_resolver *resolver;  // NULL: numeric, or without a resolver
  struct lh_list link;
  lh_resolve_fn *fn;
  void *self;
  uint16_t port;
  int err;
  struct lh_addr addrs[LH_RESOLVE_MAX];
  size_t count;
};

static void answer(struct query *query) {
  lh_list_remove(&query->link);
  query->fn(query->self, query->err, query->addrs, query->count);
  lh_free(query);
}

static void answer_posted(void *data) { answer(data); }

// c-ares tells when it wants to be called next.
static void set_timer(struct lh_uv_resolver *resolver) {
  struct timeval left;
  if (ares_timeout(resolver->channel, NULL, &left) == NULL) {
    lh_timer_set(resolver->timer, LH_NEVER);
    return;
  }
  const lh_ms ms = (lh_ms)left.tv_sec * 1000 + left.tv_usec / 1000 + 1;
  lh_timer_set(resolver->timer, lh_env_now(&resolver->env->base) + ms);
}

static void on_timer(void *self, lh_ms now) {
  (void)now;
  struct lh_uv_resolver *resolver = self;
  ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  set_timer(resolver);
}

static void on_socket(uv_poll_t *poll, int status, int events) {
  const struct name_socket *socket = poll->data;
  struct lh_uv_resolver *resolver = socket->resolver;
  const ares_socket_t fd = socket->fd;
  lh_uv_event(resolver->env);
  const bool readable = status < 0 || (events & UV_READABLE) != 0;
  const bool writable = status < 0 || (events & UV_WRITABLE) != 0;
  ares_process_fd(resolver->channel, readable ? fd : ARES_SOCKET_BAD,
                  writable ? fd : ARES_SOCKET_BAD);
  set_timer(resolver);
}

static void socket_closed(uv_handle_t *handle) { lh_free(handle->data); }

static struct name_socket *find_socket(struct lh_uv_resolver *resolver, ares_socket_t fd) {
  for (struct lh_list *at = resolver->sockets.next; at != &resolver->sockets; at = at->next) {
    struct name_socket *socket = LH_ENTRY(at, struct name_socket, link);
    if (socket->fd == fd) return socket;
  }
  return NULL;
}

static struct name_socket *add_socket(struct lh_uv_resolver *resolver, ares_socket_t fd) {
  struct name_socket *socket = LH_NEW(struct name_socket);
  socket->resolver = resolver;
  socket->fd = fd;
  lh_uv_must(uv_poll_init(&resolver->env->loop, &socket->poll, fd), "watching a name server");
  socket->poll.data = socket;
  lh_list_push(&resolver->sockets, &socket->link);
  return socket;
}

static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable) {
  struct lh_uv_resolver *resolver = data;
  struct name_socket *socket = find_socket(resolver, fd);
  if (readable == 0 && writable == 0) {
    if (socket == NULL) return;
    lh_list_remove(&socket->link);
    uv_close((uv_handle_t *)&socket->poll, socket_closed);
    return;
  }
  if (socket == NULL) socket = add_socket(resolver, fd);
  const int events = (readable != 0 ? UV_READABLE : 0) | (writable != 0 ? UV_WRITABLE : 0);
  lh_uv_must(uv_poll_start(&socket->poll, events, on_socket), "watching a name server");
}

static struct lh_uv_resolver *open_resolver(struct lh_uv_env *env) {
  struct lh_uv_resolver *resolver = LH_NEW(struct lh_uv_resolver);
  resolver->env = env;
  lh_list_init(&resolver->sockets);
  lh_list_init(&resolver->queries);
  struct ares_options options = {.timeout = TRY_TIMEOUT_MS,
                                 .tries = TRIES,
                                 .sock_state_cb = on_socket_state,
                                 .sock_state_cb_data = resolver};
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  int result = ares_library_init(ARES_LIB_INIT_ALL);
  if (result == ARES_SUCCESS) result = ares_init_options(&resolver->channel, &options, mask);
  if (result != ARES_SUCCESS) {
    lh_log(LH_LOG_ERROR, "env", "cannot look up names: %s", ares_strerror(result));
    lh_free(resolver);
    return NULL;
  }
  resolver->timer = lh_timer_new(&env->base, on_timer, resolver);
  return resolver;
}

static bool is_known(const struct query *query, const struct lh_addr *addr) {
  for (size_t i = 0; i < query->count; i++) {
    if (lh_addr_equal(&query->addrs[i], addr)) return true;
  }
  return false;
}

static void add_address(struct query *query, const struct ares_addrinfo_node *node) {
  struct lh_addr addr = {.len = node->ai_addrlen};
  if (query->count == LH_RESOLVE_MAX || node->ai_addrlen > sizeof addr.storage) return;
  memcpy(&addr.storage, node->ai_addr, node->ai_addrlen);
  lh_addr_set_port(&addr, query->port);
  if (!is_known(query, &addr)) query->addrs[query->count++] = addr;
}

static int code_of(int status) {
  switch (status) {
  case ARES_ENOTFOUND:
  case ARES_ENODATA:
    return LH_ENOTFOUND;
  case ARES_ETIMEOUT:
    return LH_ETIMEOUT;
  case ARES_EBADNAME:
    return LH_EINVAL;
  default:
    return LH_EIO;
  }
}

static void on_answer(void *data, int status, int timeouts, struct ares_addrinfo *info) {
  (void)timeouts;
  struct query *query = data;
  if (status == ARES_EDESTRUCTION) {  // the environment ends; who asked is gone
    lh_list_remove(&query->link);
    lh_free(query);
    return;
  }
  for (const struct ares_addrinfo_node *node = info != NULL ? info->nodes : NULL; node != NULL;
       node = node->ai_next) {
    add_address(query, node);
  }
  if (info != NULL) ares_freeaddrinfo(info);
  if (query->count == 0) query->err = status == ARES_SUCCESS ? LH_ENOTFOUND : code_of(status);
  // Not from here: c-ares answers from its hosts file before the call that asked has returned.
  if (lh_env_post(&query->resolver->env->base, answer_posted, query) != 0) {
    lh_list_remove(&query->link);
    lh_free(query);
  }
}

static bool is_numeric(struct query *query, const char *host) {
  char text[LH_ADDR_TEXT_MAX];
  const int len = strchr(host, ':') != NULL
                      ? snprintf(text, sizeof text, "[%s]:%u", host, query->port)
                      : snprintf(text, sizeof text, "%s:%u", host, query->port);
  if (len < 0 || (size_t)len >= sizeof text) return false;
  if (lh_addr_parse(&query->addrs[0], text) != 0) return false;
  query->count = 1;
  return true;
}

static void ask(struct lh_uv_resolver *resolver, struct query *query, const char *host) {
  const struct ares_addrinfo_hints hints = {
      .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT};
  query->resolver = resolver;
  lh_list_push(&resolver->queries, &query->link);
  ares_getaddrinfo(resolver->channel, host, NULL, &hints, on_answer, query);
  set_timer(resolver);
}

void lh_uv_resolve(struct lh_env *base, const char *host, uint16_t port, lh_resolve_fn *fn,
                   void *self) {
  struct lh_uv_env *env = lh_uv_env_of(base);
  struct query *query = LH_NEW(struct query);
  if (strcmp(host, "localhost") == 0)
    host = "127.0.0.1";  // RFC 6761; a small system has no hosts file
  lh_list_init(&query->link);
  query->fn = fn;
  query->self = self;
  query->port = port;
  if (!is_numeric(query, host)) {
    if (env->resolver == NULL) env->resolver = open_resolver(env);
    if (env->resolver != NULL) {
      ask(env->resolver, query, host);
      return;
    }
    query->err = LH_EIO;
  }
  if (lh_env_post(base, answer_posted, query) != 0) lh_free(query);
}

void lh_uv_resolver_close(struct lh_uv_env *env) {
  struct lh_uv_resolver *resolver = env->resolver;
  if (resolver == NULL) return;
  env->resolver = NULL;
  ares_destroy(resolver->channel);
  ares_library_cleanup();
  lh_timer_free(resolver->timer);
  lh_free(resolver);
}
