// agreed.h - what a hub and a peer hold for quorums of an agreed member set; see agreed.c,
// ballot.c.
#ifndef LH_HUB_AGREED_H
#define LH_HUB_AGREED_H

#include "base/heap.h"
#include "base/id.h"
#include "wire/runs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agreed_member {
  struct lh_node_id id;
  char name[LH_NAME_MAX + 1];  // as it was when it became one
  lh_ms gone_at;               // not in our view since then; 0: it is. Ours alone
};
struct agreed_set {
  uint64_t term;                  // how often an operator began a set anew
  struct lh_run founder;          // with the term: which sets follow from each other
  uint64_t version;               // 0: there is none yet
  uint64_t shrunk;                // the last version that took a node out, 0: none did
  struct agreed_member *members;  // in order of node id
  size_t count;
};
struct ballot {
  uint64_t round;  // 0: none
  struct lh_node_id by;
};
struct proposal {
  struct ballot ballot;
  bool accepting;  // the second phase
  struct agreed_set value;
  struct ballot best;  // the latest that somebody had accepted before
  struct lh_node_id *yes;
  size_t yes_count;
  lh_ms until;
};
struct agreed {  // of a hub
  struct agreed_set set;
  lh_ms since;             // it was adopted in this run, or the run began
  lh_ms shrunk_at;         // this node knows of a set without some of before; 0: of none
  struct ballot promised;  // for the version after it
  struct ballot accepted;  // and what was accepted
  struct agreed_set value;
  struct proposal proposal;
  uint64_t round;  // the highest heard of
  struct {         // whom somebody here wants taken out of the set
    struct lh_node_id id;
    uint64_t caller;  // 0: nobody does
    lh_ms until;
  } forget;
  bool told_alien;
};
struct set_word {  // of a peer and a hub: with its last answer
  uint32_t hub;
  uint64_t term;
  struct lh_run founder;
  uint64_t version;
  lh_ms since_shrunk;
  bool pending;  // it has accepted what may be agreed and is not adopted
};

#endif
