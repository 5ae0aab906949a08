// own.c - our own ledger: what we run, written here and nowhere else.
#include "registry/internal.h"
#include "base/mem.h"

static bool is_hub(const struct lh_registry *registry, uint32_t hub) {
  return hub > 0 && hub <= atomic_load_explicit(&registry->hub_count, memory_order_relaxed);
}

uint64_t lh_registry_put(struct lh_registry *registry, const struct lh_row_in *row) {
  struct lh_ledger *own = registry->own;
  struct lh_bytes tag;
  if (!is_hub(registry, row->hub) || lh_entry_check(row, &tag) != 0) return 0;
  if (own->count >= LH_LEDGER_ROWS_MAX || own->seq >= LH_SEQ_MAX) return 0;
  struct lh_entry *entry = lh_entry_new(own->node, own->seq + 1, row, tag);
  if (entry == NULL) return 0;
  own->seq++;
  lh_journal_put(registry, &entry->row);
  lh_ledger_put(registry, own, entry);
  if (registry->on_write != NULL) registry->on_write(registry->on_write_self, &entry->row);
  return own->seq;
}

void lh_registry_on_write(struct lh_registry *registry,
                          void (*fn)(void *self, const struct lh_row *row), void *self) {
  registry->on_write = fn;
  registry->on_write_self = self;
}

uint64_t lh_registry_remove(struct lh_registry *registry, uint32_t hub, struct lh_bytes id) {
  struct lh_ledger *own = registry->own;
  struct lh_entry *entry = lh_index_row(registry, own->node, (struct lh_key){hub, id});
  if (entry == NULL) return 0;
  own->seq++;
  lh_journal_remove(registry, hub, id);
  lh_ledger_remove(registry, own, entry);
  return own->seq;
}

static void put_again(struct lh_registry *registry, const struct lh_row *row) {
  const struct lh_entry *entry = lh_entry_of(row);
  if (lh_entry_is_order(entry)) {
    (void)lh_registry_order(registry, lh_entry_hub(entry), lh_row_id(row), row->born);
    return;
  }
  const struct lh_row_in in = {
      .hub = row->hub,
      .id = lh_row_id(row),
      .spec = lh_row_spec(row),
      .metadata = lh_row_metadata(row),
      .generation = row->generation,
      .born = row->born,
      .pid_local = lh_pid_local(row->pid),
      .state = row->state,
      .restarts = row->restarts,
      .pinned = row->pinned,
      .active = row->active,
  };
  (void)lh_registry_put(registry, &in);
}

static void move_all(struct lh_registry *registry, struct lh_ledger *before,
                     const struct lh_list *list) {
  while (!lh_list_empty(list)) {
    struct lh_entry *entry = LH_ENTRY(list->next, struct lh_entry, order);
    put_again(registry, &entry->row);  // first, so that a reader always finds one
    lh_ledger_remove(registry, before, entry);
  }
}

void lh_registry_new_epoch(struct lh_registry *registry, uint32_t self_node) {
  struct lh_ledger *before = registry->own;
  if (self_node == before->node) return;
  if (!LH_PLANTED(log_goes_on_in_new_epoch)) lh_journal_free(&registry->journal);
  registry->self_node = self_node;
  struct lh_ledger *made = lh_ledger_get(registry, self_node);
  if (made != NULL) lh_ledger_forget(registry, made);  // nobody else can have written it
  registry->own = lh_ledger_open(registry, self_node);
  registry->quiet = true;
  move_all(registry, before, &before->orders);
  move_all(registry, before, &before->rows);
  lh_ledger_forget(registry, before);
  registry->quiet = false;
  for (struct lh_list *link = registry->peers.next; link != &registry->peers; link = link->next) {
    lh_registry_peer_down(registry, LH_ENTRY(link, struct lh_follower, list)->node);
  }
}
