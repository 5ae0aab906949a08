// lease.h - what a hub and a peer hold for leases; see lease.c.
#ifndef LH_HUB_LEASE_H
#define LH_HUB_LEASE_H

#include "base/heap.h"
#include "hub/agreed.h"

#include <stdbool.h>
#include <stdint.h>

struct lease {  // of a hub with a quorum strategy
  lh_ms until;
  bool lapsed;  // no child may run any Lua
  bool over;    // what ran on it is given up
  lh_ms lapsed_at;
};
struct word {         // of a peer: the last answer to our questions
  lh_ms leased_at;    // when the question was asked
  uint64_t view;      // which members it sees
  lh_ms since_loss;   // how long ago it lost a member
  lh_ms since_begin;  // and began
  struct set_word *sets;
  size_t set_count;
};

#endif
