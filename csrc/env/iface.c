// iface.c - the address under which others reach this host, for a node that listens on all of them.
#include "env/env.h"

#include <ifaddrs.h>
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
