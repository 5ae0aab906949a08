// hooks.h - what hooks.c (the table of handlers) and hook_runs.c (their queues and runs) share.
//
// A handler takes the events of its key one after another. Those that it has not taken yet wait
// with it; the payload of an event is one buffer, shared by all that are to be given it.
//
//   idle --event--> running a batch --the run's end--> the next batch, or idle
//   cancelled: what waits is dropped. retired (its hub was closed): what waits is still taken.
#ifndef LH_NODE_HOOKS_H
#define LH_NODE_HOOKS_H

#include "node/internal.h"

struct payload {
  size_t users;
  struct lh_buf bytes;
};

struct handler {
  struct lh_buf hub, key;  // for the main program, and for the log
  struct lh_buf id, module, function, args;
  uint32_t arg_count;
  int64_t priority;
  uint64_t order;
  bool immediate;

  struct lh_list waiting;  // struct waiting, oldest first; those of a run stay until it is over
  size_t waiting_count;
  uint64_t run;    // the token of what it was given; 0: idle
  uint32_t given;  // how many of the first that wait
  int slot;        // where its run says how far it is; negative: nowhere
  bool over;       // in no table any more: freed when nothing waits
  bool full;       // an event was dropped since it last was empty: said once
};

struct handlers {  // of one hub and key, best first
  struct handler **items;
  size_t count;
  uint64_t next_order;
};

void lh_hook_runs_adopt(struct lh_node *node, struct handler *handler);  // ready for events
void lh_hook_runs_give(struct lh_node *node, struct handler *handler, struct payload *payload);
// It is in no table any more. `drop`: it gets nothing of what waits, either.
void lh_hook_runs_leave(struct lh_node *node, struct handler *handler, bool drop);
void lh_hook_runs_free(struct lh_node *node);
void lh_payload_drop(struct lh_node *node, struct payload *payload);  // one user less
void lh_handler_free(struct handler *handler);                        // hooks.c

#endif
