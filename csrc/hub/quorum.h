// quorum.h - what the files of this room share about hubs with a quorum strategy: who may act
// (quorum.c), in which set that is counted (agreed.c, ballot.c, propose.c, word.c), for how long it
// may run (lease.c), what happens when it may not (park.c, unsure.c).
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
// Counted in a member set that the members agree on (agreed.c).
static inline bool lh_quorum_is_agreed(const struct hub *hub) {
  return hub->config.quorum.kind > LH_QUORUM_STATIC;
}
int lh_quorum_open(struct hub *hub, lh_ms now, struct lh_error *error);
size_t lh_quorum_needed(const struct hub *hub);  // so many members are a quorum
void lh_quorum_add(const struct hub *hub, struct quorum_count *count, const struct peer *peer);
bool lh_quorum_reached(const struct hub *hub, const struct quorum_count *count);
bool lh_quorum_is_here(const struct hub *hub);      // as many members as it needs, agreed or not
bool lh_quorum_is_complete(const struct hub *hub);  // all that there can be are here
void lh_quorum_bar(struct lh_hubs *hubs);           // until it is decided anew
void lh_quorum_decide(struct hub *hub, lh_ms now);
// Whether this node may begin anything in the hub just now.
static inline bool lh_quorum_may(const struct hub *hub) {
  return !hub->partitioned && !hub->barred;
}

// agreed.c
void lh_set_free(struct agreed_set *set);
void lh_set_copy(struct agreed_set *to, const struct agreed_set *from);
bool lh_set_has(const struct agreed_set *set, const struct lh_node_id *id);
void lh_set_add(struct agreed_set *set, const struct lh_node_id *id, const char *name);
void lh_set_remove(struct agreed_set *set, const struct lh_node_id *id);
bool lh_set_same(const struct agreed_set *a, const struct agreed_set *b);
bool lh_set_goes_before(const struct agreed_set *other, const struct agreed_set *ours);
void lh_set_write(struct lh_buf *out, const struct agreed_set *set);
void lh_set_read(struct lh_reader *in, struct agreed_set *set);  // empty when it is malformed
int lh_ballot_compare(const struct ballot *a, const struct ballot *b);
void lh_ballot_write(struct lh_buf *out, const struct ballot *ballot);
void lh_ballot_read(struct lh_reader *in, struct ballot *ballot);
int lh_agreed_open(struct hub *hub, lh_ms now, struct lh_error *error);  // from what was kept
void lh_agreed_free(struct hub *hub);
int lh_agreed_keep(const struct hub *hub);
void lh_agreed_adopt(struct hub *hub, lh_ms now, const struct agreed_set *set);
void lh_agreed_hear(struct hub *hub, lh_ms now, const struct agreed_set *set);
bool lh_agreed_has_self(const struct hub *hub);

// ballot.c
void lh_ballot_propose(struct hub *hub, lh_ms now, const struct agreed_set *value);
void lh_ballot_end(struct agreed *agreed);  // a proposal under way
void lh_ballot_tell_all(struct hub *hub);
void lh_ballot_tell(struct hub *hub, uint32_t node);  // which set is here
bool lh_ballot_may_change(const struct hub *hub, lh_ms now, const struct agreed_set *value);
int lh_ballot_receive(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);

// propose.c
void lh_propose_look(struct hub *hub, lh_ms now);

// word.c
const struct set_word *lh_word_of(const struct peer *peer, uint32_t hub);
bool lh_word_is_ours(const struct hub *hub, const struct set_word *word);  // our set, or an earlier
bool lh_word_counts(const struct hub *hub, const struct peer *peer);       // for a quorum
bool lh_word_is_pending(const struct hub *hub, const struct peer *peer);
void lh_word_write(const struct lh_hubs *hubs, lh_ms now, struct lh_buf *out);
// How long a node knows of a member set that is smaller than one before; LH_NEVER: of none.
lh_ms lh_word_since_shrunk(const struct hub *hub, const struct peer *peer, lh_ms now);
void lh_word_read(struct lh_hubs *hubs, struct lh_reader *in, struct word *word);
void lh_word_teach(struct lh_hubs *hubs, struct lh_reader *in, uint32_t from);  // who is behind

// lease.c
void lh_lease_lost(struct lh_hubs *hubs, lh_ms now);   // a member died
void lh_lease_begin(struct lh_hubs *hubs, lh_ms now);  // nothing is known of any promise
// Whether a quorum says that it sees the same members, and that whatever it promised others is
// over.
bool lh_lease_others_over(const struct hub *hub, lh_ms now);
void lh_lease_ask(struct lh_hubs *hubs, lh_ms now);
int lh_lease_receive(struct lh_hubs *hubs, lh_ms now, uint32_t from, uint8_t type,
                     struct lh_bytes body);
void lh_lease_check(struct lh_hubs *hubs, lh_ms now);
void lh_lease_tick(struct lh_hubs *hubs, lh_ms now);
lh_ms lh_lease_due(const struct lh_hubs *hubs);

// park.c
void lh_park_hub(struct hub *hub, lh_ms now);  // its children end, and wait
void lh_park_child(struct child *child);       // it has ended, or does not run
void lh_park_ended(struct child *child);       // one that was to end so
lh_ms lh_park_time(struct child *child);
bool lh_park_is_asked(const struct child *child);      // it is to end, and to wait then
bool lh_park_is_parked(const struct child *child);     // it waits for one
void lh_park_resume(struct lh_hubs *hubs, lh_ms now);  // what waits, where it may, runs again

// unsure.c: as lh_move_failed, unless the child may run at the other end
void lh_unsure_failed(struct lh_hubs *hubs, lh_ms now, struct child *child, const char *why);

#endif
