// delta.c - new log entries of another node's ledger. A frame is decoded whole before anything
// changes.
#include "registry/internal.h"
#include "base/mem.h"

struct delta {
  struct lh_run run;
  uint64_t first, last;
  struct lh_bytes hubs[LH_HUBS_MAX];
  uint32_t hub_count;
  struct lh_op *ops;
  uint32_t count, puts;
};

static void read_head(struct lh_reader *reader, struct delta *delta) {
  if (lh_read_array(reader, 5) != 5) lh_read_fail(reader, LH_EFORMAT);
  lh_read_run(reader, &delta->run);
  delta->first = lh_read_uint(reader, LH_SEQ_MAX);
  delta->last = lh_read_uint(reader, LH_SEQ_MAX);
  if (delta->first == 0 || delta->last < delta->first) lh_read_fail(reader, LH_EFORMAT);
}

// The hub ids and operations. Even after an error the operations so far are the caller's to
// release.
static int read_ops(struct lh_reader *reader, uint32_t node, struct delta *delta) {
  delta->hub_count = lh_hub_table_read(reader, delta->hubs);
  const uint32_t count = lh_read_array(reader, LH_DELTA_OPS_MAX);
  if (reader->err == 0 && count != delta->last - delta->first + 1) lh_read_fail(reader, LH_EFORMAT);
  if (reader->err != 0) return reader->err;
  delta->ops = lh_try_alloc(count * sizeof(struct lh_op));
  if (delta->ops == NULL) return LH_ENOMEM;
  while (delta->count < count && reader->err == 0) {
    struct lh_op *op = &delta->ops[delta->count];
    lh_codec_read_op(reader, node, delta->first + delta->count, delta->hub_count, op);
    delta->puts += op->entry != NULL;
    delta->count++;
  }
  return lh_read_end(reader);
}

static void discard(struct delta *delta) {
  for (uint32_t i = 0; i < delta->count; i++) {
    if (delta->ops[i].entry != NULL) lh_entry_free(delta->ops[i].entry);
  }
  lh_free(delta->ops);
}

// Whether the frame is the next one; what is to be done when it is not, is done.
static bool is_next(struct lh_registry *registry, struct lh_ledger *ledger,
                    const struct delta *delta) {
  if (delta->last <= ledger->seq && !LH_PLANTED(duplicate_applied)) {
    registry->counters.duplicates++;
    return false;
  }
  if (ledger->whole) return false;  // what was asked for comes behind it
  if (delta->first == ledger->seq + 1) return true;
  if (LH_PLANTED(duplicate_applied) && delta->first <= ledger->seq) return true;
  if (LH_PLANTED(gap_applied)) return true;
  registry->counters.gaps++;
  if (ledger->in_step) lh_sync_ask(registry, ledger);
  ledger->in_step = false;
  return false;
}

static int apply(struct lh_registry *registry, struct lh_ledger *ledger, struct delta *delta,
                 const struct lh_chain *chain) {
  uint32_t hubs[LH_HUBS_MAX];
  // One frame of slack: the owner's limit counts what a frame leaves, not what it replaces.
  if (ledger->count + delta->puts > LH_LEDGER_ROWS_MAX + LH_DELTA_OPS_MAX ||
      ledger->order_count + delta->puts > LH_ORDERS_MAX + LH_DELTA_OPS_MAX)
    return LH_ELIMIT;
  const int err = lh_hub_table_resolve(registry, delta->hubs, delta->hub_count, hubs);
  if (err != 0) return err;
  if (LH_PLANTED(gap_applied) || LH_PLANTED(duplicate_applied)) ledger->seq = delta->first - 1;
  for (uint32_t i = 0; i < delta->count; i++) {
    struct lh_op *op = &delta->ops[i];
    ledger->seq++;
    if (op->entry != NULL) {
      op->entry->row.hub = (uint16_t)(hubs[op->hub] | (op->order ? LH_ORDER_BIT : 0));
      lh_ledger_put(registry, ledger, op->entry);
      op->entry = NULL;
      continue;
    }
    struct lh_entry *gone =
        lh_index_row(registry, ledger->node,
                     (struct lh_key){hubs[op->hub] | (op->order ? LH_ORDER_BIT : 0), op->id});
    if (gone != NULL && !LH_PLANTED(removal_passed_over)) lh_ledger_remove(registry, ledger, gone);
  }
  ledger->chain = *chain;
  ledger->in_step = true;
  lh_ledger_unstage(ledger);
  registry->counters.deltas_in++;
  registry->ops->advanced(registry->ops_self, ledger->node, ledger->seq);
  return 0;
}

int lh_delta_receive(struct lh_registry *registry, uint32_t from, struct lh_bytes body) {
  if (body.len < LH_CHAIN_SIZE) return LH_EFORMAT;
  if (body.len > LH_DELTA_BYTES_MAX) return LH_ELIMIT;
  const struct lh_bytes data = lh_bytes(body.data + LH_CHAIN_SIZE, body.len - LH_CHAIN_SIZE);
  struct lh_chain chain;
  memcpy(chain.bytes, body.data, sizeof chain.bytes);
  struct delta delta;
  delta.ops = NULL;
  delta.count = delta.puts = 0;
  struct lh_reader reader;
  lh_reader_init(&reader, data);
  read_head(&reader, &delta);
  if (reader.err != 0) return reader.err;
  if (LH_PLANTED(delta_from_anyone) && lh_ledger_of_run(registry, &delta.run) != NULL)
    from = lh_ledger_of_run(registry, &delta.run)->node;
  if (!lh_run_equal(&delta.run, lh_runs_at(registry->runs, from))) return LH_EDENIED;
  struct lh_ledger *ledger = lh_ledger_open(registry, from);
  if (ledger->frozen) return LH_EDENIED;
  if (!is_next(registry, ledger, &delta)) return 0;
  const struct lh_chain expected = lh_chain_next(registry, 'D', &ledger->chain, data);
  const bool blind = LH_PLANTED(gap_applied) || LH_PLANTED(duplicate_applied);
  if (!lh_chain_equal(&chain, &expected) && !blind) {
    registry->counters.digest_mismatch++;
    ledger->whole = true;
    lh_sync_ask(registry, ledger);
    return 0;
  }
  int err = read_ops(&reader, from, &delta);
  if (err == 0) err = apply(registry, ledger, &delta, &chain);
  discard(&delta);
  return err;
}
