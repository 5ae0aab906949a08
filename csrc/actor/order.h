// order.h - what the node asks of a heap, see order.c.
#ifndef LH_ACTOR_ORDER_H
#define LH_ACTOR_ORDER_H

#include "actor/actor.h"

struct batch;

enum { MSG_ORDER = 64 };

enum order_kind {
  ORDER_BIRTHS,
  ORDER_STOP,
  ORDER_FREEZE,
  ORDER_THAW,
  ORDER_DESCRIBE,
  ORDER_ROLE,
  ORDER_CONSENT,
  ORDER_ACTIVATE,
  ORDER_KILL,
  ORDER_INTERRUPT,
  ORDER_NODE_DOWN,
  ORDER_ASK,
  ORDER_LEASE,  // `count`: which, `generation`: its number
};

struct order {
  struct order *next;
  enum order_kind kind;
  uint64_t token;
  lh_pid pid;
  lh_pid forward;
  uint64_t generation;
  lh_ms ms;
  uint32_t count;  // ASK: arguments; NODE_DOWN: the node; ROLE: 1 is active
  struct batch *batch;
  struct lh_buf text;
  struct lh_buf bytes;
};

#endif
