// id.h - the two identifiers everybody shares: node ids and pids.
//
// A node id is made from the node's public key; with an epoch it names one run of that node. A pid
// is one 64-bit word so that Lua can hold it as a light userdata (compared with ==, usable as a
// table key):
//
//   bits 63..50  node     index of the (node id, epoch) in this process's table of peers; 0 is
//   never used bits 49..36  heap     which heap of that node bits 35..18  slot     which actor of
//   that heap bits 17..0   serial   how often the slot was used before, never 0
//
// The node index means something in one process only; on the wire a pid is (node id, epoch, low 50
// bits).
#ifndef LH_BASE_ID_H
#define LH_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct lh_node_id {
  uint8_t bytes[16];
};

static inline bool lh_node_id_equal(const struct lh_node_id *a, const struct lh_node_id *b) {
  return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
static inline int lh_node_id_compare(const struct lh_node_id *a, const struct lh_node_id *b) {
  return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

// One run of one node.
struct lh_run {
  struct lh_node_id id;
  uint64_t epoch;
};

static inline bool lh_run_equal(const struct lh_run *a, const struct lh_run *b) {
  return a->epoch == b->epoch && lh_node_id_equal(&a->id, &b->id);
}

typedef uint64_t lh_pid;  // 0 is no pid

enum {
  LH_PID_NODE_BITS = 14,
  LH_PID_HEAP_BITS = 14,
  LH_PID_SLOT_BITS = 18,
  LH_PID_SERIAL_BITS = 18,
  LH_PID_LOCAL_BITS = LH_PID_HEAP_BITS + LH_PID_SLOT_BITS + LH_PID_SERIAL_BITS,
};

#define LH_PID_LOCAL_MASK ((UINT64_C(1) << LH_PID_LOCAL_BITS) - 1)

static inline lh_pid lh_pid_make(uint32_t node, uint64_t local) {
  return ((uint64_t)node << LH_PID_LOCAL_BITS) | (local & LH_PID_LOCAL_MASK);
}
static inline uint64_t lh_pid_local_make(uint32_t heap, uint32_t slot, uint32_t serial) {
  return ((uint64_t)heap << (LH_PID_SLOT_BITS + LH_PID_SERIAL_BITS)) |
         ((uint64_t)slot << LH_PID_SERIAL_BITS) | serial;
}
static inline uint32_t lh_pid_node(lh_pid pid) { return (uint32_t)(pid >> LH_PID_LOCAL_BITS); }
static inline uint64_t lh_pid_local(lh_pid pid) { return pid & LH_PID_LOCAL_MASK; }
static inline uint32_t lh_pid_heap(lh_pid pid) {
  return (uint32_t)(pid >> (LH_PID_SLOT_BITS + LH_PID_SERIAL_BITS)) &
         ((1U << LH_PID_HEAP_BITS) - 1);
}
static inline uint32_t lh_pid_slot(lh_pid pid) {
  return (uint32_t)(pid >> LH_PID_SERIAL_BITS) & ((1U << LH_PID_SLOT_BITS) - 1);
}
static inline uint32_t lh_pid_serial(lh_pid pid) {
  return (uint32_t)pid & ((1U << LH_PID_SERIAL_BITS) - 1);
}

#endif
