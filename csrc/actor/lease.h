// lease.h - children that may run only for a time, see lease.c.
#ifndef LH_ACTOR_LEASE_H
#define LH_ACTOR_LEASE_H

#include "base/buf.h"
#include "base/heap.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { LH_LEASED_HUBS = 64 };  // as many as a node has hubs (LH_MEMBER_HUBS_MAX)

struct actor;
struct birth;
struct heap;
struct lh_actors;
struct order;

struct lha_lease {  // of a hub; `hub` is written once, before `count` of the list names it
  char hub[256];
  size_t len;
  _Atomic lh_ms until;
  atomic_uint number;  // raised each time it is renewed after it had ended
};
struct lha_leases {
  struct lha_lease of[LH_LEASED_HUBS];
  atomic_uint count;
};

// The number of the hub's lease and one: 0 when it has none. Any thread.
uint8_t lha_lease_find(const struct lh_actors *actors, struct lh_bytes hub);
// Whether the child may run Lua now. On the heap's thread, or where nothing runs.
bool lha_lease_holds(const struct heap *heap, const struct actor *actor);
void lha_lease_begin(struct heap *heap, struct actor *actor);  // a birth
// The child's turn comes and it may not run: what becomes of it. False: it may run.
bool lha_lease_turn(struct heap *heap, struct actor *actor);
void lha_actor_stillborn(struct heap *heap, struct actor *actor, int status, const char *text);
void lha_lease_order(struct heap *heap, const struct order *order);  // it runs again

#endif
