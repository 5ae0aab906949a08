// loose.h - children that ended on one node and are begun by whichever they belong to.
#ifndef LH_HUB_LOOSE_H
#define LH_HUB_LOOSE_H

#include "base/heap.h"
#include "base/map.h"
#include "registry/registry.h"

struct child;
struct hub;
struct lh_hubs;

struct loose {
  struct lh_map ids;  // of rows that are loose, ours and others'; some may be so no more
  bool look;          // at the turn's end
  bool asking;        // a distribution of the user's is to say where they belong
  lh_ms look_at;      // while some are loose
};

bool lh_loose_goes(
    const struct child *child);          // it is to end here, and nobody is asked to begin it
void lh_loose_put(struct child *child);  // it does not run here any more
void lh_loose_late(struct lh_hubs *hubs, lh_ms now, struct child *child);  // nobody began it yet
void lh_loose_note(struct hub *hub, const struct lh_row *row);  // from within the registry
void lh_loose_gather(struct lh_hubs *hubs);                     // anew, from all rows of the living
void lh_loose_run(struct lh_hubs *hubs, lh_ms now);             // at each turn's end
lh_ms lh_loose_due(const struct lh_hubs *hubs);
void lh_loose_free(struct loose *loose);

#endif
