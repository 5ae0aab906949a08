// page.c - a listing in parts: the rows of the next few ids behind one, in byte order.
//
// One walk over the index with a heap of the smallest ids seen, so a page costs O(rows of all hubs)
// and memory for its own ids only. Children that come and go between two pages move no others.
#include "registry/internal.h"
#include "base/mem.h"

enum { INSTANCES_AT_ONCE = 64 };

struct page {
  const struct lh_row **heap;  // the largest id on top
  size_t count, limit;
};

static int compare(const struct lh_row *a, const struct lh_row *b) {
  return lh_bytes_compare(lh_row_id(a), lh_row_id(b));
}

static void swap(const struct lh_row **a, const struct lh_row **b) {
  const struct lh_row *kept = *a;
  *a = *b;
  *b = kept;
}

static void sift_down(const struct lh_row **heap, size_t count) {
  for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && compare(heap[child + 1], heap[child]) > 0) child++;
    if (compare(heap[child], heap[at]) <= 0) return;
    swap(&heap[at], &heap[child]);
  }
}

static void sift_up(const struct lh_row **heap, size_t at) {
  for (; at > 0 && compare(heap[at], heap[(at - 1) / 2]) > 0; at = (at - 1) / 2) {
    swap(&heap[at], &heap[(at - 1) / 2]);
  }
}

static void offer(struct page *page, const struct lh_row *row) {
  if (page->count < page->limit) {
    page->heap[page->count] = row;
    sift_up(page->heap, page->count++);
  } else if (compare(row, page->heap[0]) < 0) {
    page->heap[0] = row;
    sift_down(page->heap, page->count);
  }
}

// Instances of one id are neighbours in the walk, but for two ids that share a hash; offering an id
// once for each run of it is then one id too few on the page, never a wrong one.
static void collect(const struct lh_registry *registry, uint32_t hub, struct lh_bytes after,
                    struct page *page) {
  struct cds_lfht_iter at;
  const struct lh_row *last = NULL;
  struct cds_lfht_node *link = lh_shared_first(registry->index, &at);
  for (; link != NULL; link = lh_shared_next(registry->index, &at)) {
    const struct lh_row *row = &lh_index_entry(link)->row;
    if (row->hub != hub || lh_entry_is_skipped(registry, row)) continue;
    if (lh_bytes_compare(lh_row_id(row), after) <= 0) continue;
    if (last != NULL && compare(last, row) == 0) continue;
    last = row;
    offer(page, row);
  }
}

static void sort(struct page *page) {
  for (size_t count = page->count; count > 1; count--) {
    swap(&page->heap[0], &page->heap[count - 1]);
    sift_down(page->heap, count - 1);
  }
}

// All instances of the id, best first. Answers false when `fn` did.
static bool show(const struct lh_registry *registry, const struct lh_row *row,
                 bool (*fn)(void *self, const struct lh_row *row), void *self) {
  const struct lh_row *few[INSTANCES_AT_ONCE];
  const struct lh_row **rows = few;
  size_t max = INSTANCES_AT_ONCE;
  size_t count = lh_registry_find(registry, row->hub, lh_row_id(row), rows, max);
  if (count > max) {
    max = count;
    rows = lh_alloc(max * sizeof(const struct lh_row *));
    count = lh_registry_find(registry, row->hub, lh_row_id(row), rows, max);
  }
  bool more = true;
  for (size_t i = 0; i < count && i < max && more; i++) more = fn(self, rows[i]);
  if (rows != few) lh_free((void *)rows);
  return more;
}

size_t lh_registry_page(const struct lh_registry *registry, uint32_t hub, struct lh_bytes after,
                        size_t limit, bool (*fn)(void *self, const struct lh_row *row),
                        void *self) {
  if (limit == 0) return 0;
  struct page page = {.limit = limit < LH_PAGE_MAX ? limit : LH_PAGE_MAX};
  page.heap = lh_alloc(page.limit * sizeof(const struct lh_row *));
  lh_shared_lock();
  collect(registry, hub, after, &page);
  sort(&page);
  size_t ids = 0;
  for (size_t i = 0; i < page.count; i++) {
    if (i > 0 && compare(page.heap[i - 1], page.heap[i]) == 0) continue;
    ids++;
    if (!show(registry, page.heap[i], fn, self)) break;
  }
  lh_shared_unlock();
  lh_free((void *)page.heap);
  return ids;
}
