// replica.h - what replica.c has for the other files of this room: hubs whose children run on
// several nodes at a time. Included by internal.h.
#ifndef LH_HUB_REPLICA_H
#define LH_HUB_REPLICA_H

#include "base/map.h"
#include "hub/hub.h"

struct child;
struct hub;
struct op;

enum { START_REPLICA = 256 };  // one more instance of what runs elsewhere; a flag in no frame
enum role { ROLE_NONE, ROLE_PASSIVE, ROLE_ACTIVE };
struct child_role {  // of an instance here
  bool active;       // of several the one that acts; its row says so
  uint8_t told;      // enum role: the last that it has heard,
  uint8_t telling;   // and what it is being told
};

struct choices {          // choice.c
  struct lh_map known;    // id -> its nodes, in this view
  struct lh_map wanted;   // ids that the strategy is to be asked for,
  struct lh_map asked;    // and has been
  uint64_t question;      // the last one; an answer to another is of another view
  lh_ms again_at, pause;  // after one that failed
  bool asking;
};

struct replica_notes {
  struct lh_map changed;  // ids of children that are to be looked at
  bool all;               // all of them
  struct lh_map waits;    // of those whose claim not all members are known to hold,
  uint64_t waits_seq;     // up to where they are to hold our ledger
  struct choices choices;
};

// choice.c: the nodes of replicated children by a strategy of the user's
bool lh_choice_is_asked(const struct hub *hub);  // such a hub
// The child's nodes, best first; false: not known yet, and the strategy is asked by lh_choice_ask.
// `nodes` has room for all candidates.
bool lh_choice_find(struct hub *hub, struct lh_bytes id, uint32_t *nodes, size_t *count);
void lh_choice_drop(struct hub *hub, struct lh_bytes id);  // of a child that is gone
void lh_choice_ask(struct lh_hubs *hubs, lh_ms now);       // for what was looked for in vain
lh_ms lh_choice_due(const struct lh_hubs *hubs);
void lh_choice_forget(struct hub *hub);  // the members are others, or the hub ends

void lh_replica_note(struct hub *hub, struct lh_bytes id);  // a row of it changed
void lh_replica_run(struct lh_hubs *hubs, lh_ms now);       // looks at what was noted
bool lh_replica_started(struct op *op);  // what it started runs as often as it is to
// Another node's row is of a later start than this instance.
const struct lh_row *lh_replica_later(const struct child *child);
void lh_replica_ended(struct child *child);  // it is not to run again: nowhere

// metadata.c: a replica's metadata becomes that of the first instance, where they differ.
void lh_metadata_follow(struct child *child, const struct lh_row *first);

// All members hold our ledger up to there; they are asked, and the child is looked at again then.
bool lh_replica_is_known(const struct child *child, uint64_t seq);

// role.c
struct role_view {    // of a child, under an agreed view
  bool first;         // by that view alone this node is the first of the child's nodes
  bool leads;         // the instance here is the first that runs, or is about to run again
  bool other_leads;   // one elsewhere is, and it runs
  bool other_active;  // the row of an instance elsewhere says that it is the active one
};
void lh_role_look(struct lh_hubs *hubs, lh_ms now, struct child *child,
                  const struct role_view *view);
void lh_role_overdue(struct lh_hubs *hubs, lh_ms now, struct child *child);

#endif
