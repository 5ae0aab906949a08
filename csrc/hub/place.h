// place.h - who gets which child: what place.c, affinity.c, guided.c, crowd.c and distribution.c
// have for the other files of this room. Included by internal.h.
#ifndef LH_HUB_PLACE_H
#define LH_HUB_PLACE_H

#include "base/map.h"
#include "hub/hub.h"

struct hub;
struct child;
struct spec;
struct affinity;

struct candidate {  // a node that takes children of a hub
  uint32_t node;
  const char *name;
  uint64_t seed;
  uint32_t weight;
  const char *labels;  // or NULL: none
};
struct ring_point {
  uint64_t at;
  uint32_t place;
};
struct head_count {  // the children of a hub on one node, see crowd.c
  uint32_t node;
  uint64_t rows, sent;
};
struct load {  // of a member, see load.c
  uint64_t version;
  uint32_t pressure;
  unsigned rounds;  // how often its word is still passed on
};
struct loads {
  lh_ms at;  // the next round, or LH_NEVER
  unsigned round;
  uint32_t smooth;  // our own
  uint64_t version;
};
struct seats {              // what is kept of a hub's candidates
  bool even;                // they have one weight
  struct ring_point *ring;  // or NULL: not made yet
  size_t ring_count;
  struct head_count *counts;
  size_t count_count;
  bool counted;      // `counts` holds since the last view
  lh_ms sent_until;  // what was sent before is forgotten then
};
struct guest {  // a child that looks for its node
  struct lh_bytes id;
  struct lh_bytes placement;  // what its spec says of it, encoded; or nothing
};
#define NOWHERE UINT32_MAX  // no place among the candidates
struct guide {              // what a start says of where its children are to run, see guided.c
  const struct hub *hub;
  struct lh_bytes mapping;
  struct lh_map nodes;  // id -> where its nodes stand in the mapping
};

// place.c
void lh_place_candidates(struct hub *hub);  // from the view
void lh_place_free(struct hub *hub);
// The place (index into hub.candidates) of each, by hash alone; NOWHERE: no node may have it.
void lh_place_guests(struct hub *hub, const struct guest *guests, size_t count, uint32_t *places);
// The places of the instances of a child of a replicated hub, best first: as many as it is to have
// and there is room for. How many; `places` has room for all candidates.
size_t lh_place_replicas(struct hub *hub, struct affinity *affinity, const struct guest *guest,
                         uint32_t *places);
uint32_t lh_place_node(const struct hub *hub, uint32_t place);  // its run index; 0 for NOWHERE
uint64_t lh_place_hash(struct lh_bytes id);
// The best place for a child's hash among those that are `allowed` (NULL: all).
uint32_t lh_place_best(const struct hub *hub, uint64_t child, const uint8_t *allowed);

// affinity.c
struct affinity *lh_affinity_new(const struct hub *hub);  // for one round: of these candidates
void lh_affinity_free(struct affinity *affinity);
// Which candidates may have a child, by place (NULL: all; the affinity's until the next question);
// false: none may.
bool lh_affinity_of(struct affinity *affinity, const struct guest *guest, uint64_t child,
                    const uint8_t **allowed);
void lh_affinity_take(struct affinity *affinity, uint32_t place);  // not this one again
void lh_affinity_take_none(struct affinity *affinity);
void lh_affinity_write(struct child *child, struct lh_buf *out);  // of one that runs here; or nil
struct lh_bytes lh_affinity_stored(struct lh_bytes spec);         // the placement in a stored spec
int lh_affinity_check(struct lh_bytes placement, struct lh_error *error);

// distribution.c
bool lh_distribution_counts(const struct lh_hub_config *config);  // it asks how many a node has
// What whoever decides says with a START: START_GIVEN (the host does not look again), START_PINNED
// (nor does a change of members).
unsigned lh_distribution_flags(const struct lh_hub_config *config);
uint32_t lh_distribution_weight(const struct lh_hub_config *config, const char *name, uint32_t own);

// guided.c. The first two whatever the distribution is.
int lh_guided_read(struct guide *guide, const struct hub *hub, struct lh_bytes mapping,
                   struct lh_error *error);  // to be freed in any case
void lh_guided_free(struct guide *guide);
// Writes the placement that the mapping gives the child; nothing where its spec has one, or the hub
// is not guided.
int lh_guided_place(const struct guide *guide, const struct spec *spec, struct lh_buf *placement,
                    struct lh_error *error);

// crowd.c: for distributions that count
void lh_crowd_row(struct hub *hub, const struct lh_row *before, const struct lh_row *after);
void lh_crowd_guests(struct hub *hub, lh_ms now, const struct guest *guests, size_t count,
                     uint32_t *places);  // children that run nowhere
void lh_crowd_plan(struct hub *hub, const struct guest *guests, size_t count,
                   uint32_t *places);  // children that run, or did, by a plan for all of them
void lh_crowd_free(struct hub *hub);

// load.c
void lh_load_look(struct lh_hubs *hubs, lh_ms now);  // whether there is anything to say, or to ask
void lh_load_tick(struct lh_hubs *hubs, lh_ms now);
void lh_load_link_up(struct lh_hubs *hubs);
int lh_load_receive(struct lh_hubs *hubs, struct lh_bytes body);
uint32_t lh_load_of(const struct hub *hub, uint32_t node);  // thousandths; 0: nobody waits there

#endif
