#include "registry/internal.h"
#include "base/hash.h"
#include "base/mem.h"

struct lh_registry *lh_registry_new(struct lh_runs *runs, uint32_t self_node, const uint8_t key[32],
                                    const struct lh_registry_ops *ops, void *ops_self) {
  struct lh_registry *registry = LH_NEW(struct lh_registry);
  registry->runs = runs;
  registry->ops = ops;
  registry->ops_self = ops_self;
  registry->self_node = self_node;
  registry->seed = lh_hash(key, 32, 0);
  lh_chain_open(registry, key);
  lh_list_init(&registry->peers);
  registry->index = lh_shared_table_new();
  registry->tags = lh_shared_table_new();
  atomic_init(&registry->tag_chains, 1);
  registry->own = lh_ledger_open(registry, self_node);
  return registry;
}

void lh_registry_free(struct lh_registry *registry) {
  if (registry == NULL) return;
  registry->ending = true;
  while (registry->ledger_count > 0) lh_ledger_forget(registry, registry->ledgers[0]);
  lh_shared_settle();
  lh_shared_table_free(registry->index);
  lh_shared_table_free(registry->tags);
  struct lh_list *link;
  while ((link = lh_list_pop(&registry->peers)) != NULL)
    lh_free(LH_ENTRY(link, struct lh_follower, list));
  lh_journal_free(&registry->journal);
  lh_hub_names_free(registry);
  lh_chain_close(registry);
  lh_free(registry->ledgers);
  lh_free(registry->by_node);
  lh_free(registry);
}

void lh_registry_counters(const struct lh_registry *registry, struct lh_registry_counters *out) {
  *out = registry->counters;
}
