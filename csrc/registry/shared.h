// shared.h - the one door to liburcu: read sections, freeing after them, and the shared hash table.
//
// Readers never wait. A writer publishes finished, immutable memory; what it takes out of a table
// is freed only after every read section that could have seen it. ThreadSanitizer cannot see the
// library's own synchronisation, so this file states it: publishing releases the link, finding it
// acquires; the end of a read section releases, freeing acquires.
//
// A thread enters before its first read section (also the writer: changing a table reads it) and
// leaves before it ends. Sections nest and must not contain a wait. Tables have one writer at a
// time.
#ifndef LH_REGISTRY_SHARED_H
#define LH_REGISTRY_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

#if defined(__SANITIZE_THREAD__)
#define LH_SHARED_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LH_SHARED_TSAN 1
#endif
#endif

#ifdef LH_SHARED_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define LH_SHARED_ACQUIRE(address) __tsan_acquire(address)
#define LH_SHARED_RELEASE(address) __tsan_release(address)
#else
#define LH_SHARED_ACQUIRE(address) ((void)(address))
#define LH_SHARED_RELEASE(address) ((void)(address))
#endif

struct lh_shared_table;

// Answers whether the element of `link` has the key. Must begin with LH_SHARED_ACQUIRE(link).
typedef int lh_shared_match(struct cds_lfht_node *link, const void *key);

void lh_shared_enter(void);  // nests; the outermost registers the thread
void lh_shared_leave(void);
void lh_shared_lock(void);
void lh_shared_unlock(void);
// Calls `release` when no read section of now is left; on a thread of the library.
void lh_shared_retire(struct rcu_head *tomb, void (*release)(struct rcu_head *tomb));
void lh_shared_released(struct rcu_head *tomb);  // first thing in every `release`
void lh_shared_settle(
    void);  // waits until everything retired so far was released; not in a section

struct lh_shared_table *lh_shared_table_new(void);
void lh_shared_table_free(struct lh_shared_table *table);  // must be empty
void lh_shared_table_grow(
    struct lh_shared_table *table);  // now and then by the writer; not in a section

// Inside a read section.
void lh_shared_add(struct lh_shared_table *table, uint64_t hash, struct cds_lfht_node *link);
void lh_shared_replace(struct lh_shared_table *table, uint64_t hash, lh_shared_match *match,
                       const void *key, struct cds_lfht_iter *at, struct cds_lfht_node *link);
void lh_shared_remove(struct lh_shared_table *table, struct cds_lfht_node *link);
struct cds_lfht_node *lh_shared_find(const struct lh_shared_table *table, uint64_t hash,
                                     lh_shared_match *match, const void *key,
                                     struct cds_lfht_iter *at);
struct cds_lfht_node *lh_shared_find_next(const struct lh_shared_table *table,
                                          lh_shared_match *match, const void *key,
                                          struct cds_lfht_iter *at);
struct cds_lfht_node *lh_shared_first(const struct lh_shared_table *table,
                                      struct cds_lfht_iter *at);
struct cds_lfht_node *lh_shared_next(const struct lh_shared_table *table, struct cds_lfht_iter *at);

#endif
