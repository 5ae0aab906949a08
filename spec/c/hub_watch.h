// hub_watch.h - what spec/c/hub.c looks at while a history goes on: the first invariant that does
// not hold is kept as `violation`, "NAME: what was seen". Included by hub_actors.h.
//
// In a strict history nobody is taken for dead who lives: there no child ever has two instances,
// and its generations rise whoever starts it. In others both hold on each node.
#ifndef LH_SPEC_HUB_WATCH_H
#define LH_SPEC_HUB_WATCH_H

#include <stdarg.h>
#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"

enum { STARTS_MAX = 24 };

struct watch {
  bool strict;
  bool stops_only;            // nothing is started any more: what was stopped never runs again
  struct lh_map starts;       // child -> how often it was started
  struct lh_map generations;  // "child on node" -> the last that it was started with there
  char violation[256];
};

static inline void violate(struct watch *watch, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void violate(struct watch *watch, const char *format, ...) {
  va_list args;
  if (watch->violation[0] != '\0') return;
  va_start(args, format);
  (void)vsnprintf(watch->violation, sizeof watch->violation, format, args);
  va_end(args);
}

static inline void watch_key(char out[128], const char *id, const char *node) {
  (void)snprintf(out, 128, "%s on %s", id, node);
}

// No higher generation of the child was started on `other` before.
static inline void watch_above(struct watch *watch, const char *id, const char *node,
                               uint64_t generation, const char *other) {
  char key[128];
  watch_key(key, id, other);
  const uint64_t last = (uintptr_t)lh_map_get(&watch->generations, key, strlen(key));
  if (generation <= last)
    violate(watch, "S3 generations rise: %s is started on %s with %llu after %llu on %s", id, node,
            (unsigned long long)generation, (unsigned long long)last, other);
}

static inline void watch_start(struct watch *watch, const char *id, const char *node,
                               uint64_t generation) {
  char key[128];
  watch_key(key, id, node);
  watch_above(watch, id, node, generation, node);
  const uintptr_t starts = (uintptr_t)lh_map_get(&watch->starts, id, strlen(id)) + 1;
  (void)lh_map_put(&watch->starts, id, strlen(id), (void *)starts);
  if (starts > STARTS_MAX)
    violate(watch, "L3 every child comes to rest: %s was started %d times", id, (int)starts);
  (void)lh_map_put(&watch->generations, key, strlen(key), (void *)(uintptr_t)generation);
}

static inline void watch_two(struct watch *watch, const char *id, const char *a, const char *b) {
  if (watch->strict) violate(watch, "S12 one instance at a time: %s runs on %s and %s", id, a, b);
}

#endif
