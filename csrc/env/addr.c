// addr.c - addresses: comparing, reading and writing them. Numbers only; names go through
// lh_resolve.
#include "env/env.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sockaddr_in *v4(const struct lh_addr *addr) {
  return (const struct sockaddr_in *)(const void *)&addr->storage;
}
static const struct sockaddr_in6 *v6(const struct lh_addr *addr) {
  return (const struct sockaddr_in6 *)(const void *)&addr->storage;
}

bool lh_addr_equal(const struct lh_addr *a, const struct lh_addr *b) {
  if (a->len == 0 || b->len == 0) return a->len == b->len;
  if (a->storage.ss_family != b->storage.ss_family) return false;
  if (lh_addr_port(a) != lh_addr_port(b)) return false;
  if (a->storage.ss_family == AF_INET) return v4(a)->sin_addr.s_addr == v4(b)->sin_addr.s_addr;
  return v6(a)->sin6_scope_id == v6(b)->sin6_scope_id &&
         memcmp(&v6(a)->sin6_addr, &v6(b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static int parse_port(const char *text, uint16_t *port) {
  if (*text < '0' || *text > '9') return LH_EINVAL;
  char *end = NULL;
  const unsigned long value = strtoul(text, &end, 10);
  if (*end != '\0' || value > UINT16_MAX) return LH_EINVAL;
  *port = (uint16_t)value;
  return 0;
}

static int parse_host(struct lh_addr *addr, const char *host, bool bracketed) {
  *addr = (struct lh_addr){0};
  struct sockaddr_in *in = (struct sockaddr_in *)(void *)&addr->storage;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&addr->storage;
  if (!bracketed && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
    in->sin_family = AF_INET;
    addr->len = sizeof *in;
    return 0;
  }
  if (bracketed && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
    in6->sin6_family = AF_INET6;
    addr->len = sizeof *in6;
    return 0;
  }
  return LH_EINVAL;
}

int lh_addr_parse(struct lh_addr *addr, const char *text) {
  char host[LH_ADDR_TEXT_MAX];
  const char *colon = strrchr(text, ':');
  uint16_t port = 0;
  if (colon == NULL || parse_port(colon + 1, &port) != 0) return LH_EINVAL;
  size_t len = (size_t)(colon - text);
  if (len >= sizeof host) return LH_EINVAL;
  memcpy(host, text, len);
  host[len] = '\0';
  const bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
  if (bracketed) host[len - 1] = '\0';
  const int err = parse_host(addr, bracketed ? host + 1 : host, bracketed);
  if (err == 0) lh_addr_set_port(addr, port);
  return err;
}

void lh_addr_format(const struct lh_addr *addr, char *out) {
  char host[INET6_ADDRSTRLEN] = "";
  if (addr->len == 0) {
    (void)snprintf(out, LH_ADDR_TEXT_MAX, "none");
  } else if (addr->storage.ss_family == AF_INET) {
    (void)inet_ntop(AF_INET, &v4(addr)->sin_addr, host, sizeof host);
    (void)snprintf(out, LH_ADDR_TEXT_MAX, "%s:%u", host, lh_addr_port(addr));
  } else {
    (void)inet_ntop(AF_INET6, &v6(addr)->sin6_addr, host, sizeof host);
    (void)snprintf(out, LH_ADDR_TEXT_MAX, "[%s]:%u", host, lh_addr_port(addr));
  }
}

bool lh_addr_is_any(const struct lh_addr *addr) {
  if (addr->len == 0) return false;
  if (addr->storage.ss_family == AF_INET) return v4(addr)->sin_addr.s_addr == htonl(INADDR_ANY);
  return IN6_IS_ADDR_UNSPECIFIED(&v6(addr)->sin6_addr) != 0;
}

uint16_t lh_addr_port(const struct lh_addr *addr) {
  if (addr->len == 0) return 0;
  return ntohs(addr->storage.ss_family == AF_INET ? v4(addr)->sin_port : v6(addr)->sin6_port);
}

void lh_addr_set_port(struct lh_addr *addr, uint16_t port) {
  if (addr->storage.ss_family == AF_INET) {
    ((struct sockaddr_in *)(void *)&addr->storage)->sin_port = htons(port);
  } else if (addr->storage.ss_family == AF_INET6) {
    ((struct sockaddr_in6 *)(void *)&addr->storage)->sin6_port = htons(port);
  }
}
