// reconcile.h - what reconcile.c has for the other files of this room: children of FILE that do not
// run yet. Included by internal.h.
#ifndef LH_HUB_RECONCILE_H
#define LH_HUB_RECONCILE_H

#include "base/heap.h"
#include "base/map.h"

struct hub;
struct lh_hubs;
struct op;

struct missing {      // of one hub
  struct lh_map all;  // id -> struct wanted
  uint64_t view;      // that looks are counted under
  lh_ms due, pause;   // of the next round
};

// What a start of FILE could not begin is wanted from now on; `all`: whatever became of it.
void lh_reconcile_want(struct op *op, bool all);
void lh_reconcile_begun(const struct op *op);                // a start that a round asked for,
void lh_reconcile_ended(const struct op *op);                // and what became of it
void lh_reconcile_ran(struct hub *hub, struct lh_bytes id);  // a row says so
void lh_reconcile_ordered(struct hub *hub, struct lh_bytes id, uint64_t born);
void lh_reconcile_run(struct lh_hubs *hubs, lh_ms now);
lh_ms lh_reconcile_due(const struct lh_hubs *hubs);
void lh_reconcile_free(struct hub *hub);

struct reconcile_figures {  // of one round
  uint32_t candidates;      // wanted, and have not run yet: orphans and under_way
  uint32_t orphans, under_way;
  uint32_t started;  // of the orphans: asked for in this round
};

#endif
