// watch.h - what must hold of every node at every time, seen from outside: invariants of ledgers
// and members.
//
//   S3  what a node has seen of another (epoch, incarnation, sequence, generation) never goes back
//   S4  what a ledger holds at a sequence is the same wherever it is held
//   S5  every row that a node holds was written by its owner
//   S8  a run that was fenced does not live again; no run is two processes
//   S10 what nodes hold of queues and tables stays under its named limit
//
// It looks after each event, at what changed, and changes nothing: a world that is watched has the
// same history. What concerns children (S1, S6, S7, S9, S12) is looked at from Lua.
// Memory: the watch's own, freed by lh_watch_free. One thread, the world's.
#ifndef LH_SIM_WATCH_H
#define LH_SIM_WATCH_H

#include <stddef.h>

struct lh_node;
struct lh_watch;

enum { LH_WATCH_TEXT_MAX = 256 };

struct lh_watch_problem {  // the first thing found that does not hold
  const char *name;        // "S4"; NULL: nothing was found
  char text[LH_WATCH_TEXT_MAX];
};

struct lh_watch *lh_watch_new(void);
void lh_watch_free(struct lh_watch *watch);
// Node `number` was started; something happened on it; its process is gone; time to look at
// everything else.
void lh_watch_started(struct lh_watch *watch, size_t number, struct lh_node *node);
void lh_watch_event(struct lh_watch *watch, size_t number, struct lh_node *node);
// They have one identity from now on: an epoch may be begun by both.
void lh_watch_cloned(struct lh_watch *watch, size_t number, size_t clone);
void lh_watch_gone(struct lh_watch *watch, size_t number);
void lh_watch_look(struct lh_watch *watch, size_t number, struct lh_node *node);
const struct lh_watch_problem *lh_watch_problem(const struct lh_watch *watch);

#endif
