// fault.h - a network that a test splits without root: who does not reach whom stands in a file.
//
// LUAHUB_FAULT_PLAN=FILE in the environment of a node; every node of a test is given the same file.
// Each line is one direction that is cut, by the addresses that the nodes listen on:
//
//   cut 127.0.0.1:7101 127.0.0.1:7102    nothing that 7101 sends comes to 7102
//
// A node looks at it every 20 ms, so it is replaced as a whole (by a rename). A datagram to where
// the way is cut is lost. A stream is held by the node that dialled it, for both ends: what goes
// the way that is cut waits until it is healed, the end of the stream too. A dial needs both ways;
// it waits, and the dialler's own patience ends it. A plan that cannot be read ends the node with
// one line.
//
// Only in builds with LH_PLANTS (`make PLANTS=1`); ordinary ones contain nothing of it. Used by
// spec/failpoint. Not an imitation of TCP: nothing is sent again, and no timeout of the kernel's
// ends what is held.
#ifndef LH_ENV_FAULT_H
#define LH_ENV_FAULT_H

#include "env/ops.h"

#ifdef LH_PLANTS

struct lh_fault_cut {
  struct lh_addr from, to;
};

// Who does not reach whom. Starts zeroed; owns its list until lh_fault_plan_free.
struct lh_fault_plan {
  struct lh_fault_cut *cuts;
  size_t count;
};

// Replaces the plan by what `text` says; it writes into `text`. 0, or LH_EINVAL and `error`, which
// names the line; then the plan holds the lines before it.
int lh_fault_plan_parse(struct lh_fault_plan *plan, char *text, struct lh_error *error);
bool lh_fault_plan_cuts(const struct lh_fault_plan *plan, const struct lh_addr *from,
                        const struct lh_addr *to);
void lh_fault_plan_free(struct lh_fault_plan *plan);

// Puts the plan that the environment names, if it names one, between `env` and its users. For an
// environment that has nothing open yet.
void lh_fault_wrap(struct lh_env *env);

#else
static inline void lh_fault_wrap(struct lh_env *env) { (void)env; }
#endif

#endif
