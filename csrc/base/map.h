// map.h - a hash map from byte strings to pointers, iterated in a defined order.
//
// Iteration follows insertion (a removal moves the last entry into the hole), so it depends on the
// history of calls alone, never on addresses or seeds. Keys are copied; values belong to the
// caller. Not thread-safe.
#ifndef LH_BASE_MAP_H
#define LH_BASE_MAP_H

#include "base/buf.h"

struct lh_map_entry {
  uint64_t hash;
  uint8_t *key;
  size_t key_len;
  void *value;
};

struct lh_map {
  struct lh_map_entry *entries;  // dense: entries[0 .. count)
  uint32_t *index;               // open addressing; 0 is empty, else position + 1
  size_t count;
  size_t entry_cap;
  size_t index_cap;  // a power of two, or 0
};

#define LH_MAP_EMPTY ((struct lh_map){0})

void lh_map_free(struct lh_map *map);
void *lh_map_get(const struct lh_map *map, const void *key, size_t len);  // NULL when absent
// Inserts or replaces; answers the value that was there before, or NULL.
void *lh_map_put(struct lh_map *map, const void *key, size_t len, void *value);
// Removes; answers the value that was there, or NULL.
void *lh_map_remove(struct lh_map *map, const void *key, size_t len);

#endif
