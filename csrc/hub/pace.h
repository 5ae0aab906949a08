// pace.h - how fast a hub's moves go from this node, and whether they go at all.
#ifndef LH_HUB_PACE_H
#define LH_HUB_PACE_H

#include "base/heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
  bool paused;
  lh_ms at;          // up to when the budgets are filled
  int64_t children;  // that may begin to move, in thousandths
  int64_t bytes;     // of state that may go, in thousandths; below 0 when the last ones were large
};

// flap.c: names of nodes that died lately, and when moves that are held for one are looked at.
struct flaps {
  struct flap *all;
  size_t count;
  lh_ms look_at;
};

struct hub;
struct lh_hubs;

size_t lh_pace_most(const struct hub *hub);        // so many children move at a time
bool lh_pace_takes(struct hub *hub, lh_ms now);    // one more may begin; it is counted
void lh_pace_sent(struct hub *hub, size_t bytes);  // a state went
lh_ms lh_pace_due(const struct lh_hubs *hubs);     // when one that waits may begin
bool lh_pace_holds(const struct hub *hub);         // paused, and nobody has to go

// flap.c
void lh_flap_died(struct lh_hubs *hubs, lh_ms now, const char *name);
void lh_flap_came(struct lh_hubs *hubs, lh_ms now, const char *name);
bool lh_flap_holds(struct hub *hub, lh_ms now, uint32_t node);  // moves to it wait
size_t lh_flap_count(const struct hub *hub, lh_ms now);         // members that they wait for
void lh_flap_tick(struct lh_hubs *hubs, lh_ms now);
void lh_flap_free(struct lh_hubs *hubs);

#endif
