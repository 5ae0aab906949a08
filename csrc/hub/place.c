// place.c - who gets which child, by hashing.
//
// Rendezvous hashing (Thaler, Ravishankar 1998): the node whose mixed hash with the child is
// highest; of nodes that differ in weight the one whose -log(hash)/weight is lowest, so that each
// gets a share in proportion (Schindelhauer, Schomaker 2005). The logarithm is one of integers: no
// machine rounds it otherwise than another. Consistent hashing (Karger et al. 1997): a ring of
// LH_RING_POINTS points a node, times its weight. All hash names, so that a node that comes back
// gets its children back, and all give the same answer on every node for the same candidates.
//
// The candidates and the ring are the hub's, made anew with each view (the ring when it is asked
// for). Not here: which candidates a child allows (affinity.c), counts (crowd.c).
#include "hub/internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LH_RING_POINTS = 256, LOG_BITS = 6 };
static const uint64_t CHILD_SEED = 0x6368696c64;  // "child"
static const uint64_t NODE_SEED = 0x6e6f6465;     // "node"

// --- candidates ---
static int by_name(const void *a, const void *b) {
  return strcmp(((const struct candidate *)a)->name, ((const struct candidate *)b)->name);
}

static bool takes_children(const struct peer *peer, uint32_t hub) {
  for (size_t i = 0; i < peer->hub_count; i++) {
    if (peer->hubs[i].hub == hub) return peer->hubs[i].placeable && !peer->leaving;
  }
  return false;
}

static struct candidate candidate_of(const struct lh_hub_config *config, uint32_t node,
                                     const char *name, uint32_t weight, const char *labels) {
  return (struct candidate){.node = node,
                            .name = name,
                            .seed = lh_hash(name, strlen(name), NODE_SEED),
                            .weight = lh_distribution_weight(config, name, weight),
                            .labels = labels};
}

static void forget_ring(struct hub *hub) {
  lh_free(hub->seats.ring);
  hub->seats.ring = NULL;
}

static void sort_candidates(struct hub *hub) {
  forget_ring(hub);
  qsort(hub->candidates, hub->candidate_count, sizeof(struct candidate), by_name);
  hub->seats.even = true;
  for (size_t i = 1; i < hub->candidate_count; i++)
    hub->seats.even = hub->seats.even && hub->candidates[i].weight == hub->candidates[0].weight;
}

void lh_place_candidates(struct hub *hub) {
  const struct view *view = &hub->all->view;
  hub->candidates = lh_realloc(hub->candidates, (view->count + 1) * sizeof(struct candidate));
  hub->candidate_count = 0;
  hub->seats.counted = false;
  for (size_t i = 0; i < view->count; i++) {
    const struct peer *peer = view->peers[i];
    if (!takes_children(peer, hub->index)) continue;
    hub->candidates[hub->candidate_count++] =
        candidate_of(&hub->config, peer->node, peer->name, peer->weight, peer->labels);
  }
  sort_candidates(hub);
}

void lh_place_free(struct hub *hub) {
  forget_ring(hub);
  lh_free(hub->candidates);
  hub->candidates = NULL;
}

// --- rendezvous ---
// 2^32 * (64 - log2(x)), by 64 straight pieces between each two powers of two.
static uint64_t depth(uint64_t x) {
  static const uint64_t log2_of[] = {
      0,          96069025,   190671291,  283850912,  375650043,  466108993,  555266330,
      643158981,  729822324,  815290272,  899595355,  982768792,  1064840562, 1145839467,
      1225793196, 1304728379, 1382670639, 1459644648, 1535674166, 1610782092, 1684990500,
      1758320682, 1830793181, 1902427829, 1973243777, 2043259528, 2112492963, 2180961373,
      2248681479, 2315669461, 2381940981, 2447511201, 2512394810, 2576606038, 2640158677,
      2703066101, 2765341278, 2826996792, 2888044853, 2948497313, 3008365682, 3067661140,
      3126394546, 3184576458, 3242217134, 3299326552, 3355914416, 3411990165, 3467562987,
      3522641820, 3577235372, 3631352118, 3685000315, 3738188006, 3790923031, 3843213029,
      3895065449, 3946487554, 3997486426, 4048068976, 4098241947, 4148011918, 4197385310,
      4246368396, 4294967296};
  if (x == 0) x = 1;
  const int zeros = __builtin_clzll(x);
  const uint64_t behind = (x << zeros) << 1;  // the digits behind the first one
  const uint64_t piece = behind >> (64 - LOG_BITS);
  const uint64_t part = (behind << LOG_BITS) >> 32;
  const uint64_t step = log2_of[piece + 1] - log2_of[piece];
  const uint64_t fraction = log2_of[piece] + ((step * part) >> 32);
  return ((uint64_t)(zeros + 1) << 32) - fraction;
}

struct score {
  uint64_t cost, hash;  // a lower cost is better, then a higher hash
};

static struct score score_of(const struct hub *hub, const struct candidate *candidate,
                             uint64_t child) {
  struct score score = {0, lh_hash_mix(child, candidate->seed)};
  if (!hub->seats.even)
    score.cost =
        candidate->weight == 0 ? UINT64_MAX : (depth(score.hash) << 20) / candidate->weight;
  return score;
}

static bool is_better(const struct score *a, const struct score *b) {
  return a->cost != b->cost ? a->cost < b->cost : a->hash > b->hash;
}

uint32_t lh_place_best(const struct hub *hub, uint64_t child, const uint8_t *allowed) {
  uint32_t best = NOWHERE;
  struct score best_score = {0, 0};
  for (uint32_t i = 0; i < hub->candidate_count; i++) {
    if (allowed != NULL && !allowed[i]) continue;
    const struct score score = score_of(hub, &hub->candidates[i], child);
    if (best != NOWHERE && !is_better(&score, &best_score)) continue;
    best = i;
    best_score = score;
  }
  return best;
}

uint64_t lh_place_hash(struct lh_bytes id) { return lh_hash(id.data, id.len, CHILD_SEED); }

// --- the ring ---
static int by_point(const void *a, const void *b) {
  const struct ring_point *x = a;
  const struct ring_point *y = b;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

static size_t points_of(const struct hub *hub, const struct candidate *candidate) {
  if (hub->seats.even) return LH_RING_POINTS;
  const size_t points = (size_t)LH_RING_POINTS * candidate->weight / LH_MEMBER_WEIGHT_ONE;
  return points == 0 && candidate->weight > 0 ? 1 : points;
}

static size_t bucket_of(const struct ring_point *point, size_t count) {
  return (size_t)(((point->at >> 32) * count) >> 32);
}

// Points are hashes, so spread evenly: each goes to the bucket its first digits say, of as many as
// there are points, and few meet there (a bucket sort).
static void sort_points(struct ring_point *points, size_t count) {
  struct ring_point *drawn = lh_alloc((count + 1) * sizeof(struct ring_point));
  size_t *ends = lh_zalloc((count + 1) * sizeof(size_t));
  memcpy(drawn, points, count * sizeof(struct ring_point));
  for (size_t i = 0; i < count; i++) ends[bucket_of(&drawn[i], count)]++;
  for (size_t b = 1; b < count; b++) ends[b] += ends[b - 1];
  for (size_t i = count; i-- > 0;) points[--ends[bucket_of(&drawn[i], count)]] = drawn[i];
  for (size_t b = 0; b < count; b++) {
    const size_t next = b + 1 < count ? ends[b + 1] : count;
    if (next - ends[b] > 1)
      qsort(&points[ends[b]], next - ends[b], sizeof(struct ring_point), by_point);
  }
  lh_free(ends);
  lh_free(drawn);
}

static void make_ring(struct hub *hub) {
  size_t count = 0;
  for (size_t i = 0; i < hub->candidate_count; i++) count += points_of(hub, &hub->candidates[i]);
  hub->seats.ring = lh_alloc((count + 1) * sizeof(struct ring_point));
  hub->seats.ring_count = 0;
  for (uint32_t i = 0; i < hub->candidate_count; i++) {
    const size_t points = points_of(hub, &hub->candidates[i]);
    for (size_t k = 0; k < points; k++) {
      const uint64_t at = lh_hash_mix(hub->candidates[i].seed, k);
      hub->seats.ring[hub->seats.ring_count++] = (struct ring_point){at, i};
    }
  }
  sort_points(hub->seats.ring, count);
}

static uint32_t on_ring(struct hub *hub, uint64_t at, const uint8_t *allowed) {
  if (hub->seats.ring == NULL) make_ring(hub);
  size_t low = 0;
  size_t high = hub->seats.ring_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (hub->seats.ring[middle].at < at)
      low = middle + 1;
    else
      high = middle;
  }
  for (size_t i = 0; i < hub->seats.ring_count; i++) {
    const uint32_t place = hub->seats.ring[(low + i) % hub->seats.ring_count].place;
    if (allowed == NULL || allowed[place]) return place;
  }
  return lh_place_best(hub, at, allowed);  // those without points: nodes of weight 0
}

// --- children ---
static uint32_t place_of(struct hub *hub, struct affinity *affinity, const struct guest *guest) {
  const uint64_t child = lh_place_hash(guest->id);
  const uint8_t *allowed = NULL;
  if (!lh_affinity_of(affinity, guest, child, &allowed)) return NOWHERE;
  if (hub->config.distribution == LH_DISTRIBUTION_RING) return on_ring(hub, child, allowed);
  return lh_place_best(hub, child, allowed);
}

void lh_place_guests(struct hub *hub, const struct guest *guests, size_t count, uint32_t *places) {
  struct affinity *affinity = lh_affinity_new(hub);
  for (size_t i = 0; i < count; i++) places[i] = place_of(hub, affinity, &guests[i]);
  lh_affinity_free(affinity);
}

size_t lh_place_replicas(struct hub *hub, struct affinity *affinity, const struct guest *guest,
                         uint32_t *places) {
  size_t count = 0;
  while (count < hub->config.factor && count < hub->candidate_count) {
    const uint32_t place = place_of(hub, affinity, guest);
    if (place == NOWHERE) break;
    places[count++] = place;
    lh_affinity_take(affinity, place);
  }
  lh_affinity_take_none(affinity);
  return count;
}

uint32_t lh_place_node(const struct hub *hub, uint32_t place) {
  return place == NOWHERE ? 0 : hub->candidates[place].node;
}

void lh_hubs_place(const struct lh_hub_config *config, const struct lh_hub_node *nodes,
                   size_t node_count, const struct lh_bytes *ids, size_t count, uint32_t *places) {
  struct hub hub = {.config = *config, .candidate_count = node_count, .seats.counted = true};
  struct guest *guests = lh_alloc((count + 1) * sizeof(struct guest));
  hub.candidates = lh_alloc((node_count + 1) * sizeof(struct candidate));
  for (size_t i = 0; i < node_count; i++) {
    const struct lh_hub_node *node = &nodes[i];
    hub.candidates[i] = candidate_of(config, (uint32_t)i, node->name, node->weight, node->labels);
  }
  sort_candidates(&hub);
  for (size_t i = 0; i < count; i++) guests[i] = (struct guest){.id = ids[i]};
  if (lh_distribution_counts(config))
    lh_crowd_guests(&hub, 0, guests, count, places);
  else
    lh_place_guests(&hub, guests, count, places);
  for (size_t i = 0; i < count; i++) {
    if (places[i] != NOWHERE) places[i] = hub.candidates[places[i]].node;
  }
  lh_free(guests);
  lh_crowd_free(&hub);
  lh_place_free(&hub);
}
