// iface.c - addresses before a loop runs: what a name stands for, and under which address others
// reach this host.
#include "env/env.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static bool is_fit(const struct ifaddrs *at, sa_family_t family) {
  return at->ifa_addr != NULL && at->ifa_addr->sa_family == family && (at->ifa_flags & IFF_UP) != 0;
}

static void take(struct lh_addr *addr, const struct ifaddrs *at) {
  const uint16_t port = lh_addr_port(addr);
  const sa_family_t family = at->ifa_addr->sa_family;
  addr->len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  memcpy(&addr->storage, at->ifa_addr, addr->len);
  lh_addr_set_port(addr, port);
}

void lh_addr_of_this_host(struct lh_addr *addr) {
  const sa_family_t family = addr->storage.ss_family;
  struct ifaddrs *all = NULL;
  const struct ifaddrs *chosen = NULL;
  if (getifaddrs(&all) != 0) return;
  for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
    if (!is_fit(at, family)) continue;
    if (chosen == NULL ||
        ((chosen->ifa_flags & IFF_LOOPBACK) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0))
      chosen = at;
  }
  if (chosen != NULL) take(addr, chosen);
  freeifaddrs(all);
}

int lh_addr_lookup(struct lh_addr *addr, const char *text) {
  char host[256];
  const char *colon = strrchr(text, ':');
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  if (lh_addr_parse(addr, text) == LH_OK) return LH_OK;
  if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof host) return LH_EINVAL;
  memcpy(host, text, (size_t)(colon - text));
  host[colon - text] = '\0';
  if (getaddrinfo(host, colon + 1, &hints, &found) != 0 || found == NULL) return LH_ENOTFOUND;
  memcpy(&addr->storage, found->ai_addr, found->ai_addrlen);
  addr->len = found->ai_addrlen;
  freeaddrinfo(found);
  return LH_OK;
}
