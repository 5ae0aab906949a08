// heap.h - a binary heap of deadlines. Equal deadlines come out in the order they were set.
//
// Intrusive: the element holds a `struct lh_due`; the heap owns only its array of pointers.
#ifndef LH_BASE_HEAP_H
#define LH_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t lh_ms;  // milliseconds on a monotonic clock, from an arbitrary start

#define LH_NEVER INT64_MAX

struct lh_due {
  lh_ms at;
  uint64_t order;  // breaks ties
  size_t place;    // position in the heap + 1; 0 when in none
};

struct lh_heap {
  struct lh_due **items;
  size_t count;
  size_t cap;
  uint64_t next_order;
};

void lh_heap_free(struct lh_heap *heap);
void lh_heap_set(struct lh_heap *heap, struct lh_due *due, lh_ms at);  // inserts, or moves it
void lh_heap_cancel(struct lh_heap *heap, struct lh_due *due);         // harmless when in none
lh_ms lh_heap_next(const struct lh_heap *heap);                        // LH_NEVER when empty
// The first element that is due at `now`, taken out, or NULL.
struct lh_due *lh_heap_pop(struct lh_heap *heap, lh_ms now);
static inline bool lh_due_is_set(const struct lh_due *due) { return due->place != 0; }

#endif
