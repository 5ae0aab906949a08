// replica.h - what replica.c has for the other files of this room: hubs whose children run on
// several nodes at a time. Included by internal.h.
#ifndef LH_HUB_REPLICA_H
#define LH_HUB_REPLICA_H

#include "base/map.h"
#include "hub/hub.h"

struct child;
struct hub;
struct op;

struct replica_notes {
  struct lh_map changed;  // ids of children that are to be looked at
  bool all;               // all of them
};

void lh_replica_note(struct hub *hub, struct lh_bytes id);  // a row of it changed
void lh_replica_run(struct lh_hubs *hubs, lh_ms now);       // looks at what was noted
bool lh_replica_started(struct op *op);  // what it started runs as often as it is to
// Another node's row is of a later start than this instance.
const struct lh_row *lh_replica_later(const struct child *child);
void lh_replica_ended(struct child *child);  // it is not to run again: nowhere

#endif
