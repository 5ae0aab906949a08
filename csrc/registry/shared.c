#include "registry/shared.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <urcu/static/urcu-memb.h>

// Growing to n buckets costs n/2 insertions. The writer makes them itself while that is not felt;
// from there on a thread that ends with it does, beside the writer and the readers. Beyond the
// largest number chains become longer.
enum { BUCKETS_FIRST = 64, BUCKETS_AT_ONCE = 1 << 16, BUCKETS_MAX = 1 << 22 };

struct lh_shared_table {
  struct cds_lfht *links;
  size_t count;  // the writer's, as are `buckets` and `growing`
  size_t buckets;
  bool growing;  // `grower` is to be joined
  pthread_t grower;
  atomic_bool grown;  // it is at its end
};

static _Thread_local unsigned entered;
static _Thread_local bool registered_here;

#ifdef LH_SHARED_TSAN
static char sections;  // stands for "all read sections that have ended"
#define SECTION_ENDS() __tsan_release(&sections)
#define SECTIONS_ENDED() __tsan_acquire(&sections)
#else
#define SECTION_ENDS() ((void)0)
#define SECTIONS_ENDED() ((void)0)
#endif

// A process may hold this file twice (a program's module and a test's), but the library once:
// whoever finds the thread unregistered registers it, and only that copy takes it out again.
void lh_shared_enter(void) {
  entered++;
  if (URCU_TLS(urcu_memb_reader).registered) return;
  urcu_memb_register_thread();
  registered_here = true;
}

void lh_shared_leave(void) {
  if (--entered > 0 || !registered_here) return;
  registered_here = false;
  urcu_memb_unregister_thread();
}

void lh_shared_lock(void) { urcu_memb_read_lock(); }

void lh_shared_unlock(void) {
  SECTION_ENDS();
  urcu_memb_read_unlock();
}

static _Atomic size_t retired;  // and not yet released, in the whole process

void lh_shared_retire(struct rcu_head *tomb, void (*release)(struct rcu_head *tomb)) {
  LH_SHARED_RELEASE(tomb);
  atomic_fetch_add_explicit(&retired, 1, memory_order_relaxed);
  urcu_memb_call_rcu(tomb, release);
}

void lh_shared_released(struct rcu_head *tomb) {
  LH_SHARED_ACQUIRE(tomb);
  SECTIONS_ENDED();
  atomic_fetch_sub_explicit(&retired, 1, memory_order_relaxed);
}

// The barrier costs a turn of the library's thread (10 ms), so it is left out when there is nothing
// to wait for.
void lh_shared_settle(void) {
  if (atomic_load_explicit(&retired, memory_order_relaxed) > 0) urcu_memb_barrier();
}

struct lh_shared_table *lh_shared_table_new(void) {
  struct lh_shared_table *table = LH_NEW(struct lh_shared_table);
  table->buckets = BUCKETS_FIRST;
  table->links = cds_lfht_new_flavor(BUCKETS_FIRST, BUCKETS_FIRST, 0, 0, &urcu_memb_flavor, NULL);
  if (table->links == NULL) {
    (void)fprintf(stderr, "luahub: out of memory (a shared table)\n");
    abort();
  }
  return table;
}

static void *grow_beside(void *self) {
  struct lh_shared_table *table = self;
  lh_shared_enter();
  cds_lfht_resize(table->links, table->buckets);
  lh_shared_leave();
  atomic_store(&table->grown, true);
  return NULL;
}

static void join_grower(struct lh_shared_table *table) {
  if (table->growing) (void)pthread_join(table->grower, NULL);
  table->growing = false;
}

void lh_shared_table_free(struct lh_shared_table *table) {
  join_grower(table);
  (void)cds_lfht_destroy(table->links, NULL);
  lh_free(table);
}

void lh_shared_table_grow(struct lh_shared_table *table) {
  if (table->count <= table->buckets || table->buckets >= BUCKETS_MAX) return;
  if (table->growing && !atomic_load(&table->grown)) return;
  join_grower(table);
  table->buckets *= 2;
  if (table->buckets <= BUCKETS_AT_ONCE) {
    cds_lfht_resize(table->links, table->buckets);
    return;
  }
  atomic_store(&table->grown, false);
  table->growing = pthread_create(&table->grower, NULL, grow_beside, table) == 0;
  if (!table->growing) table->buckets /= 2;  // the next row asks again
}

void lh_shared_add(struct lh_shared_table *table, uint64_t hash, struct cds_lfht_node *link) {
  LH_SHARED_RELEASE(link);
  cds_lfht_add(table->links, hash, link);
  table->count++;
}

void lh_shared_replace(struct lh_shared_table *table, uint64_t hash, lh_shared_match *match,
                       const void *key, struct cds_lfht_iter *at, struct cds_lfht_node *link) {
  LH_SHARED_RELEASE(link);
  (void)cds_lfht_replace(table->links, at, hash, match, key, link);
}

void lh_shared_remove(struct lh_shared_table *table, struct cds_lfht_node *link) {
  if (cds_lfht_del(table->links, link) == 0) table->count--;
}

static struct cds_lfht_node *found(struct cds_lfht_iter *at) {
  struct cds_lfht_node *link = cds_lfht_iter_get_node(at);
  if (link != NULL) LH_SHARED_ACQUIRE(link);
  return link;
}

struct cds_lfht_node *lh_shared_find(const struct lh_shared_table *table, uint64_t hash,
                                     lh_shared_match *match, const void *key,
                                     struct cds_lfht_iter *at) {
  cds_lfht_lookup(table->links, hash, match, key, at);
  return found(at);
}

struct cds_lfht_node *lh_shared_find_next(const struct lh_shared_table *table,
                                          lh_shared_match *match, const void *key,
                                          struct cds_lfht_iter *at) {
  cds_lfht_next_duplicate(table->links, match, key, at);
  return found(at);
}

struct cds_lfht_node *lh_shared_first(const struct lh_shared_table *table,
                                      struct cds_lfht_iter *at) {
  cds_lfht_first(table->links, at);
  return found(at);
}

struct cds_lfht_node *lh_shared_next(const struct lh_shared_table *table,
                                     struct cds_lfht_iter *at) {
  cds_lfht_next(table->links, at);
  return found(at);
}
