#include "base/map.h"
#include "base/hash.h"
#include "base/mem.h"

#include <string.h>

static const uint64_t SEED = 0x6c7561687562;

void lh_map_free(struct lh_map *map) {
  for (size_t i = 0; i < map->count; i++) lh_free(map->entries[i].key);
  lh_free(map->entries);
  lh_free(map->index);
  *map = LH_MAP_EMPTY;
}

// The index cell of the key, or of the empty place where it would go.
static size_t locate(const struct lh_map *map, uint64_t hash, const void *key, size_t len) {
  const size_t mask = map->index_cap - 1;
  size_t cell = (size_t)hash & mask;
  while (map->index[cell] != 0) {
    const struct lh_map_entry *entry = &map->entries[map->index[cell] - 1];
    if (entry->hash == hash && entry->key_len == len && memcmp(entry->key, key, len) == 0) break;
    cell = (cell + 1) & mask;
  }
  return cell;
}

static void rebuild(struct lh_map *map, size_t cap) {
  lh_free(map->index);
  map->index = lh_zalloc(cap * sizeof(uint32_t));
  map->index_cap = cap;
  for (size_t i = 0; i < map->count; i++) {
    size_t cell = (size_t)map->entries[i].hash & (cap - 1);
    while (map->index[cell] != 0) cell = (cell + 1) & (cap - 1);
    map->index[cell] = (uint32_t)(i + 1);
  }
}

void *lh_map_get(const struct lh_map *map, const void *key, size_t len) {
  if (map->count == 0) return NULL;
  const size_t cell = locate(map, lh_hash(key, len, SEED), key, len);
  return map->index[cell] != 0 ? map->entries[map->index[cell] - 1].value : NULL;
}

static void append(struct lh_map *map, uint64_t hash, const void *key, size_t len, void *value) {
  if (map->count == map->entry_cap) {
    map->entry_cap = map->entry_cap > 0 ? map->entry_cap * 2 : 8;
    map->entries = lh_realloc(map->entries, map->entry_cap * sizeof(struct lh_map_entry));
  }
  map->entries[map->count++] = (struct lh_map_entry){hash, lh_memdup(key, len), len, value};
}

void *lh_map_put(struct lh_map *map, const void *key, size_t len, void *value) {
  if ((map->count + 1) * 4 > map->index_cap * 3)
    rebuild(map, map->index_cap > 0 ? map->index_cap * 2 : 16);
  const uint64_t hash = lh_hash(key, len, SEED);
  const size_t cell = locate(map, hash, key, len);
  if (map->index[cell] != 0) {
    struct lh_map_entry *entry = &map->entries[map->index[cell] - 1];
    void *old = entry->value;
    entry->value = value;
    return old;
  }
  append(map, hash, key, len, value);
  map->index[cell] = (uint32_t)map->count;
  return NULL;
}

// Knuth's deletion for linear probing (TAOCP 6.4, algorithm R): no tombstones.
static void close_gap(struct lh_map *map, size_t hole) {
  const size_t mask = map->index_cap - 1;
  map->index[hole] = 0;
  for (size_t cell = (hole + 1) & mask; map->index[cell] != 0; cell = (cell + 1) & mask) {
    const size_t home = (size_t)map->entries[map->index[cell] - 1].hash & mask;
    if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
    map->index[hole] = map->index[cell];
    map->index[cell] = 0;
    hole = cell;
  }
}

void *lh_map_remove(struct lh_map *map, const void *key, size_t len) {
  if (map->count == 0) return NULL;
  const size_t cell = locate(map, lh_hash(key, len, SEED), key, len);
  if (map->index[cell] == 0) return NULL;
  const size_t at = map->index[cell] - 1;
  const size_t last = map->count - 1;
  void *value = map->entries[at].value;
  close_gap(map, cell);
  lh_free(map->entries[at].key);
  if (at != last) {
    const struct lh_map_entry *moved = &map->entries[last];
    map->index[locate(map, moved->hash, moved->key, moved->key_len)] = (uint32_t)(at + 1);
    map->entries[at] = *moved;
  }
  map->count = last;
  return value;
}
