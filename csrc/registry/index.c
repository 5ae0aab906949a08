// index.c - the two shared tables: rows by (hub, id), rows by (hub, tag). Written by the protocol
// thread.
//
// Rows with one tag stand in several chains of the second table, since adding to a chain walks it.
// There are the more chains for each tag, the more rows have one; they only grow, and a row stays
// in the chain that it was added to, which is one of those that there are later.
#include "registry/internal.h"
#include "base/hash.h"

enum { ROWS_A_CHAIN = 128, CHAINS_MOST = 8192 };

static uint64_t seed_of(const struct lh_registry *registry, uint32_t hub) {
  return registry->seed ^ (hub * UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t lh_index_hash(const struct lh_registry *registry, struct lh_key key) {
  return lh_hash(key.id.data, key.id.len, seed_of(registry, key.hub));
}

int lh_index_match(struct cds_lfht_node *link, const void *key) {
  LH_SHARED_ACQUIRE(link);
  const struct lh_key *wanted = key;
  const struct lh_row *row = &lh_index_entry(link)->row;
  return row->hub == wanted->hub && row->id_len == wanted->id.len &&
         memcmp(row->bytes, wanted->id.data, wanted->id.len) == 0;
}

int lh_index_match_tag(struct cds_lfht_node *link, const void *key) {
  LH_SHARED_ACQUIRE(link);
  const struct lh_key *wanted = key;
  const struct lh_tag *tag = LH_ENTRY(link, struct lh_tag, link);
  return tag->entry->row.hub == wanted->hub &&
         lh_bytes_equal(lh_bytes(tag->text, tag->len), wanted->id);
}

static struct lh_key key_of(const struct lh_entry *entry) {
  return (struct lh_key){entry->row.hub, lh_row_id(&entry->row)};
}

// The row of this node with this key, and the cursor on it.
static struct lh_entry *find(const struct lh_registry *registry, uint32_t node,
                             const struct lh_key *key, uint64_t hash, struct cds_lfht_iter *at) {
  struct cds_lfht_node *link = lh_shared_find(registry->index, hash, lh_index_match, key, at);
  while (link != NULL && lh_index_entry(link)->row.node != node) {
    link = lh_shared_find_next(registry->index, lh_index_match, key, at);
  }
  return link != NULL ? lh_index_entry(link) : NULL;
}

struct lh_entry *lh_index_row(const struct lh_registry *registry, uint32_t node,
                              struct lh_key key) {
  struct cds_lfht_iter at;
  lh_shared_lock();
  struct lh_entry *entry = find(registry, node, &key, lh_index_hash(registry, key), &at);
  lh_shared_unlock();
  return entry;  // only the writer takes rows out, and that is the caller
}

uint64_t lh_index_tag_hash(const struct lh_registry *registry, struct lh_key key, uint32_t chain) {
  return lh_hash_mix(lh_index_hash(registry, key), chain);
}

static uint32_t chain_of(struct lh_registry *registry, const struct lh_entry *entry) {
  uint32_t chains = atomic_load_explicit(&registry->tag_chains, memory_order_relaxed);
  if (registry->tagged > (size_t)chains * ROWS_A_CHAIN && chains < CHAINS_MOST) {
    chains *= 2;
    atomic_store_explicit(&registry->tag_chains, chains, memory_order_release);
  }
  return (uint32_t)lh_index_hash(registry, key_of(entry)) & (chains - 1);
}

static void add_tag(struct lh_registry *registry, struct lh_entry *entry) {
  struct lh_tag *tag = lh_entry_tag(entry);
  if (tag == NULL) return;
  const struct lh_key key = {entry->row.hub, lh_bytes(tag->text, tag->len)};
  registry->tagged++;
  lh_shared_add(registry->tags, lh_index_tag_hash(registry, key, chain_of(registry, entry)),
                &tag->link);
}

static void remove_tag(struct lh_registry *registry, struct lh_entry *entry) {
  struct lh_tag *tag = lh_entry_tag(entry);
  if (tag == NULL) return;
  registry->tagged--;
  lh_shared_remove(registry->tags, &tag->link);
}

struct lh_entry *lh_index_put(struct lh_registry *registry, struct lh_entry *entry) {
  lh_shared_table_grow(registry->index);
  lh_shared_table_grow(registry->tags);
  const struct lh_key key = key_of(entry);
  const uint64_t hash = lh_index_hash(registry, key);
  struct cds_lfht_iter at;
  lh_shared_lock();
  struct lh_entry *old = find(registry, entry->row.node, &key, hash, &at);
  if (old != NULL) {
    lh_shared_replace(registry->index, hash, lh_index_match, &key, &at, &entry->link);
  } else {
    lh_shared_add(registry->index, hash, &entry->link);
  }
  add_tag(registry, entry);
  if (old != NULL) remove_tag(registry, old);
  lh_shared_unlock();
  return old;
}

void lh_index_remove(struct lh_registry *registry, struct lh_entry *entry) {
  lh_shared_lock();
  lh_shared_remove(registry->index, &entry->link);
  remove_tag(registry, entry);
  lh_shared_unlock();
}

uint64_t lh_index_live_generation(const struct lh_registry *registry, struct lh_key key) {
  struct cds_lfht_iter at;
  uint64_t highest = 0;
  lh_shared_lock();
  struct cds_lfht_node *link =
      lh_shared_find(registry->index, lh_index_hash(registry, key), lh_index_match, &key, &at);
  for (; link != NULL; link = lh_shared_find_next(registry->index, lh_index_match, &key, &at)) {
    const struct lh_row *row = &lh_index_entry(link)->row;
    if (row->generation > highest && !lh_entry_is_skipped(registry, row)) highest = row->generation;
  }
  lh_shared_unlock();
  return highest;
}

struct lh_entry *lh_index_some(const struct lh_registry *registry, struct lh_key key,
                               lh_fits_fn *fits, uint64_t value) {
  struct cds_lfht_iter at;
  struct lh_entry *some = NULL;
  lh_shared_lock();
  struct cds_lfht_node *link =
      lh_shared_find(registry->index, lh_index_hash(registry, key), lh_index_match, &key, &at);
  for (; link != NULL && some == NULL;
       link = lh_shared_find_next(registry->index, lh_index_match, &key, &at)) {
    struct lh_entry *entry = lh_index_entry(link);
    if (fits(registry, entry, value)) some = entry;
  }
  lh_shared_unlock();
  return some;
}

uint64_t lh_index_ordered(const struct lh_registry *registry, struct lh_key key, bool live) {
  struct cds_lfht_iter at;
  uint64_t furthest = 0;
  lh_shared_lock();
  struct cds_lfht_node *link =
      lh_shared_find(registry->index, lh_index_hash(registry, key), lh_index_match, &key, &at);
  for (; link != NULL; link = lh_shared_find_next(registry->index, lh_index_match, &key, &at)) {
    const struct lh_row *row = &lh_index_entry(link)->row;
    if (row->born > furthest && !(live && lh_node_is_skipped(registry, row->node)))
      furthest = row->born;
  }
  lh_shared_unlock();
  return furthest;
}
