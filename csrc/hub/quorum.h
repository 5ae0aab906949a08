// quorum.h - what the files of this room share about hubs with a quorum strategy: who may act
// (quorum.c), for how long it may run (lease.c), what happens when it may not (park.c, unsure.c).
#ifndef LH_HUB_QUORUM_H
#define LH_HUB_QUORUM_H

#include "hub/internal.h"

// tolerance.c: whether each hub's partition strategy has spoken on this view; asks it when not.
bool lh_tolerance_known(struct lh_hubs *hubs, lh_ms now);
bool lh_tolerance_waits(const struct lh_hubs *hubs);  // for an answer, or to ask again

// quorum.c: who may act in a hub with a quorum strategy
struct quorum_count {
  size_t members;
};
static inline bool lh_quorum_is_set(const struct hub *hub) {
  return hub->config.quorum.kind != LH_QUORUM_NONE;
}
void lh_quorum_open(struct hub *hub);
void lh_quorum_add(const struct hub *hub, struct quorum_count *count, const struct peer *peer);
bool lh_quorum_reached(const struct hub *hub, const struct quorum_count *count);
bool lh_quorum_is_complete(const struct hub *hub);  // all that there can be are here
void lh_quorum_bar(struct lh_hubs *hubs);           // until it is decided anew
void lh_quorum_decide(struct hub *hub, lh_ms now);
// Whether this node may begin anything in the hub just now.
static inline bool lh_quorum_may(const struct hub *hub) {
  return !hub->partitioned && !hub->barred;
}

// lease.c
void lh_lease_lost(struct lh_hubs *hubs, lh_ms now);   // a member died
void lh_lease_begin(struct lh_hubs *hubs, lh_ms now);  // nothing is known of any promise
// Whether a quorum says that it sees the same members, and that whatever it promised others is
// over.
bool lh_lease_others_over(const struct hub *hub, lh_ms now);
void lh_lease_ask(struct lh_hubs *hubs, lh_ms now);
int lh_lease_question(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
int lh_lease_answer(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
void lh_lease_check(struct lh_hubs *hubs, lh_ms now);
void lh_lease_tick(struct lh_hubs *hubs, lh_ms now);
lh_ms lh_lease_due(const struct lh_hubs *hubs);

// park.c
void lh_park_hub(struct hub *hub, lh_ms now);  // its children end, and wait
void lh_park_child(struct child *child);       // it has ended, or does not run
void lh_park_ended(struct child *child);       // one that was to end so
lh_ms lh_park_time(struct child *child);
bool lh_park_is_asked(const struct child *child);  // it is to end, and to wait then
void lh_park_resume(struct hub *hub);              // what waits runs again

// unsure.c: as lh_move_failed, unless the child may run at the other end
void lh_unsure_failed(struct lh_hubs *hubs, lh_ms now, struct child *child, const char *why);

#endif
