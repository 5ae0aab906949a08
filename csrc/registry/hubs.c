// hubs.c - hub ids and their small indexes, 1 and up; given by the protocol thread, read by any.
//
// Nothing is ever taken out, so a reader needs no section: a cell is filled after the name it leads
// to.
#include "registry/internal.h"
#include "base/hash.h"
#include "base/mem.h"

static struct lh_hub_name *name_at(const struct lh_registry *registry, uint32_t hub) {
  if (hub == 0 || hub > LH_HUBS_MAX) return NULL;
  return atomic_load_explicit(&registry->hubs[hub], memory_order_acquire);
}

// The index of the hub id, or 0; `cell` is where it is or would go.
static uint32_t locate(const struct lh_registry *registry, struct lh_bytes id, uint64_t hash,
                       size_t *cell) {
  *cell = (size_t)(hash % LH_HUB_CELLS);
  for (;;) {
    const uint32_t hub = atomic_load_explicit(&registry->hub_cells[*cell], memory_order_acquire);
    if (hub == 0) return 0;
    const struct lh_hub_name *name = name_at(registry, hub);
    if (name->hash == hash && lh_bytes_equal(lh_bytes(name->text, name->len), id)) return hub;
    *cell = (*cell + 1) % LH_HUB_CELLS;
  }
}

static uint64_t hash_of(const struct lh_registry *registry, struct lh_bytes id) {
  return lh_hash(id.data, id.len, registry->seed);
}

uint32_t lh_registry_hub(struct lh_registry *registry, struct lh_bytes hub_id) {
  if (hub_id.len == 0 || hub_id.len > LH_HUB_ID_MAX) return 0;
  const uint64_t hash = hash_of(registry, hub_id);
  size_t cell = 0;
  uint32_t hub = locate(registry, hub_id, hash, &cell);
  if (hub != 0) return hub;
  hub = atomic_load_explicit(&registry->hub_count, memory_order_relaxed) + 1;
  if (hub > LH_HUBS_MAX) return 0;
  struct lh_hub_name *name = lh_alloc(sizeof *name + hub_id.len);
  name->hash = hash;
  name->len = hub_id.len;
  memcpy(name->text, hub_id.data, hub_id.len);
  atomic_store_explicit(&registry->hubs[hub], name, memory_order_release);
  atomic_store_explicit(&registry->hub_count, hub, memory_order_release);
  atomic_store_explicit(&registry->hub_cells[cell], (uint16_t)hub, memory_order_release);
  return hub;
}

struct lh_bytes lh_registry_hub_id(const struct lh_registry *registry, uint32_t hub) {
  const struct lh_hub_name *name = name_at(registry, hub);
  return name != NULL ? lh_bytes(name->text, name->len) : lh_bytes(NULL, 0);
}

int lh_registry_hub_find(const struct lh_registry *registry, struct lh_bytes hub_id) {
  size_t cell = 0;
  const uint32_t hub = locate(registry, hub_id, hash_of(registry, hub_id), &cell);
  return hub != 0 ? (int)hub : LH_ENOTFOUND;
}

uint64_t lh_registry_generation(const struct lh_registry *registry, uint32_t hub) {
  return hub <= LH_HUBS_MAX ? registry->generations[hub] : 0;
}

void lh_hub_names_free(struct lh_registry *registry) {
  for (uint32_t hub = 1; hub <= LH_HUBS_MAX; hub++) lh_free(name_at(registry, hub));
}
