// runs.h - the table that gives every (node id, epoch) met a small index, so that a pid is one
// word.
//
// One table per process. Entries are added and never removed (at most LH_RUNS_MAX runs of nodes in
// the life of a process), so readers need no lock. Index 0 is never given. Any thread.
#ifndef LH_WIRE_RUNS_H
#define LH_WIRE_RUNS_H

#include "base/id.h"

enum { LH_RUNS_MAX = 1 << LH_PID_NODE_BITS, LH_NAME_MAX = 64 };

struct lh_runs;

struct lh_runs *lh_runs_new(void);
void lh_runs_free(struct lh_runs *runs);
// The index of `run`, given now if it has none. 0 when the table is full.
uint32_t lh_runs_index(struct lh_runs *runs, const struct lh_run *run);
// The run at `index`, or NULL. Stays valid as long as the table.
const struct lh_run *lh_runs_at(const struct lh_runs *runs, uint32_t index);
// The name of the node at `index` ("?" until it is known), valid as long as the table. A run may
// take another name (two nodes had one); what was read before stays valid. Names are for people,
// never for decisions here.
const char *lh_runs_name(const struct lh_runs *runs, uint32_t index);
void lh_runs_set_name(struct lh_runs *runs, uint32_t index, const char *name);

#endif
