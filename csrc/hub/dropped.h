// dropped.h - the face of dropped.c within this room.
#ifndef LH_HUB_DROPPED_H
#define LH_HUB_DROPPED_H

#include "hub/internal.h"

// The child is not wanted here any more, and does not run yet, or not any more. One whose init goes
// on is forgotten later, any other one now. `remove_row`: its row goes now; else it stays where it
// is, and stands for nothing here.
void lh_drop(struct child *child, bool remove_row);

bool lh_dropped_is(const struct child *child);

// What the actors say of one: its init is over, and its process has this pid (status LH_OK), or it
// failed; it has ended.
void lh_dropped_started(struct lh_hubs *hubs, struct child *child, int status, lh_pid pid);
void lh_dropped_gone(struct lh_hubs *hubs, struct child *child);

#endif
