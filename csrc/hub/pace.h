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

struct hub;
struct lh_hubs;

size_t lh_pace_most(const struct hub *hub);        // so many children move at a time
bool lh_pace_takes(struct hub *hub, lh_ms now);    // one more may begin; it is counted
void lh_pace_sent(struct hub *hub, size_t bytes);  // a state went
lh_ms lh_pace_due(const struct lh_hubs *hubs);     // when one that waits may begin
bool lh_pace_holds(const struct hub *hub);         // paused, and nobody has to go

#endif
