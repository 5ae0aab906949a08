// place.c - who gets which child, by the built-in distributions.
//
// Rendezvous hashing (Thaler, Ravishankar 1998): the node whose mixed hash with the child is
// highest. Consistent hashing (Karger et al. 1997): a ring of LH_RING_POINTS points a node. Both
// hash names, so that a node that comes back gets its children back, and both give the same answer
// on every node for the same candidates.
#include "hub/internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LH_RING_POINTS = 256 };
static const uint64_t CHILD_SEED = 0x6368696c64;  // "child"
static const uint64_t NODE_SEED = 0x6e6f6465;     // "node"

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct candidate *)a)->name, ((const struct candidate *)b)->name);
}

static bool takes_children(const struct peer *peer, uint32_t hub) {
  for (size_t i = 0; i < peer->hub_count; i++) {
    if (peer->hubs[i].hub == hub) return peer->hubs[i].placeable && !peer->leaving;
  }
  return false;
}

void lh_place_candidates(struct hub *hub) {
  const struct view *view = &hub->all->view;
  hub->candidates = lh_realloc(hub->candidates, view->count * sizeof(struct candidate));
  hub->candidate_count = 0;
  for (size_t i = 0; i < view->count; i++) {
    const struct peer *peer = view->peers[i];
    if (!takes_children(peer, hub->index)) continue;
    hub->candidates[hub->candidate_count++] =
        (struct candidate){.node = peer->node,
                           .name = peer->name,
                           .seed = lh_hash(peer->name, strlen(peer->name), NODE_SEED)};
  }
  qsort(hub->candidates, hub->candidate_count, sizeof(struct candidate), by_name);
}

static uint32_t rendezvous(const struct hub *hub, struct lh_bytes id) {
  const uint64_t child = lh_hash(id.data, id.len, CHILD_SEED);
  uint32_t best = 0;
  uint64_t best_score = 0;
  for (size_t i = 0; i < hub->candidate_count; i++) {
    const uint64_t score = lh_hash_mix(child, hub->candidates[i].seed);
    if (i == 0 || score > best_score) {
      best = (uint32_t)i;
      best_score = score;
    }
  }
  return best;
}

struct point {
  uint64_t at;
  uint32_t place;
};

static int by_point(const void *a, const void *b) {
  const struct point *x = a;
  const struct point *y = b;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

static struct point *make_ring(const struct hub *hub, size_t *count) {
  *count = hub->candidate_count * LH_RING_POINTS;
  struct point *ring = lh_alloc(*count * sizeof(struct point));
  for (size_t i = 0; i < *count; i++) {
    const uint32_t place = (uint32_t)(i / LH_RING_POINTS);
    ring[i] = (struct point){lh_hash_mix(hub->candidates[place].seed, i % LH_RING_POINTS), place};
  }
  qsort(ring, *count, sizeof(struct point), by_point);
  return ring;
}

static uint32_t on_ring(const struct point *ring, size_t count, struct lh_bytes id) {
  const uint64_t at = lh_hash(id.data, id.len, CHILD_SEED);
  size_t low = 0;
  size_t high = count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (ring[middle].at < at)
      low = middle + 1;
    else
      high = middle;
  }
  return ring[low < count ? low : 0].place;
}

void lh_place_ids(const struct hub *hub, const struct lh_bytes *ids, size_t count,
                  uint32_t *places) {
  if (hub->config.distribution != LH_DISTRIBUTION_RING) {
    for (size_t i = 0; i < count; i++) places[i] = rendezvous(hub, ids[i]);
    return;
  }
  size_t points = 0;
  struct point *ring = make_ring(hub, &points);
  for (size_t i = 0; i < count; i++) places[i] = on_ring(ring, points, ids[i]);
  lh_free(ring);
}

void lh_hubs_place(enum lh_distribution distribution, const char *const *nodes, size_t node_count,
                   const struct lh_bytes *ids, size_t count, uint32_t *places) {
  struct hub hub = {.config = {.distribution = distribution}, .candidate_count = node_count};
  hub.candidates = lh_alloc((node_count + 1) * sizeof(struct candidate));
  for (size_t i = 0; i < node_count; i++) {
    hub.candidates[i] = (struct candidate){.name = nodes[i],
                                           .seed = lh_hash(nodes[i], strlen(nodes[i]), NODE_SEED)};
  }
  lh_place_ids(&hub, ids, count, places);
  lh_free(hub.candidates);
}
