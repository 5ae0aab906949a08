#include "base/heap.h"
#include "base/mem.h"

static bool before(const struct lh_due *a, const struct lh_due *b) {
  return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct lh_heap *heap, size_t at, struct lh_due *due) {
  heap->items[at] = due;
  due->place = at + 1;
}

static void rise(struct lh_heap *heap, size_t at) {
  struct lh_due *due = heap->items[at];
  while (at > 0 && before(due, heap->items[(at - 1) / 2])) {
    put(heap, at, heap->items[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  put(heap, at, due);
}

static void sink(struct lh_heap *heap, size_t at) {
  struct lh_due *due = heap->items[at];
  for (size_t child = 2 * at + 1; child < heap->count; child = 2 * at + 1) {
    if (child + 1 < heap->count && before(heap->items[child + 1], heap->items[child])) child++;
    if (!before(heap->items[child], due)) break;
    put(heap, at, heap->items[child]);
    at = child;
  }
  put(heap, at, due);
}

void lh_heap_free(struct lh_heap *heap) {
  lh_free(heap->items);
  *heap = (struct lh_heap){0};
}

void lh_heap_set(struct lh_heap *heap, struct lh_due *due, lh_ms at) {
  lh_heap_cancel(heap, due);
  if (heap->count == heap->cap) {
    heap->cap = heap->cap > 0 ? heap->cap * 2 : 16;
    heap->items = lh_realloc(heap->items, heap->cap * sizeof(struct lh_due *));
  }
  due->at = at;
  due->order = heap->next_order++;
  heap->items[heap->count] = due;
  rise(heap, heap->count++);
}

void lh_heap_cancel(struct lh_heap *heap, struct lh_due *due) {
  if (due->place == 0) return;
  const size_t at = due->place - 1;
  due->place = 0;
  struct lh_due *last = heap->items[--heap->count];
  if (last == due) return;
  put(heap, at, last);
  sink(heap, at);
  rise(heap, last->place - 1);
}

lh_ms lh_heap_next(const struct lh_heap *heap) {
  return heap->count > 0 ? heap->items[0]->at : LH_NEVER;
}

struct lh_due *lh_heap_pop(struct lh_heap *heap, lh_ms now) {
  if (heap->count == 0 || heap->items[0]->at > now) return NULL;
  struct lh_due *due = heap->items[0];
  lh_heap_cancel(heap, due);
  return due;
}
