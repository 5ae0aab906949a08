// snapshot.c - a whole ledger as frames, and their staging until the last one has come.
//
// The owner makes one of its own ledger, a survivor one of a frozen ledger that was asked for. The
// parts arrive in order or not at all; then the rows replace the copy at once.
#include "registry/internal.h"
#include "base/mem.h"

enum { ROW_HEAD_MAX = 80 };  // a row besides its id, metadata and spec

// --- making ---

struct maker {
  struct lh_registry *registry;
  const struct lh_ledger *ledger;
  struct lh_snapshot *out;
  uint64_t seq;
  struct lh_chain chain;   // of the ledger
  struct lh_chain digest;  // of the parts so far
  struct lh_buf rows;
  uint32_t count;
  struct lh_hub_table hubs;
};

static void end_part(struct maker *maker, bool is_last) {
  struct lh_snapshot *out = maker->out;
  out->parts = lh_realloc(out->parts, (out->count + 1) * sizeof *out->parts);
  struct lh_buf *body = &out->parts[out->count];
  *body = LH_BUF_EMPTY;
  lh_buf_reserve(body, LH_DELTA_HEAD_MAX + maker->hubs.bytes + maker->rows.len);
  lh_buf_append(body, maker->digest.bytes, LH_CHAIN_SIZE);  // its place; the digest comes below
  lh_write_array(body, 8);
  lh_write_run(body, &maker->ledger->run);
  lh_write_uint(body, maker->seq);
  lh_write_bin(body, maker->chain.bytes, LH_CHAIN_SIZE);
  lh_write_uint(body, maker->ledger->count + maker->ledger->order_count);
  lh_write_uint(body, out->count);
  lh_write_bool(body, is_last);
  lh_hub_table_write(body, &maker->hubs, maker->registry);
  lh_write_array(body, maker->count);
  lh_buf_append(body, maker->rows.data, maker->rows.len);
  maker->digest = lh_chain_next(maker->registry, 'S', &maker->digest,
                                lh_bytes(body->data + LH_CHAIN_SIZE, body->len - LH_CHAIN_SIZE));
  memcpy(body->data, maker->digest.bytes, LH_CHAIN_SIZE);
  out->count++;
  maker->count = 0;
  lh_buf_clear(&maker->rows);
  lh_hub_table_clear(&maker->hubs);
}

static void add_row(struct maker *maker, const struct lh_row *row) {
  const size_t more = lh_entry_bytes(lh_entry_of(row)) + ROW_HEAD_MAX + LH_HUB_ID_MAX;
  if (LH_PLANTED(narrow_snapshot) && maker->count == 8) return;
  if (maker->count == LH_DELTA_OPS_MAX ||
      LH_DELTA_HEAD_MAX + maker->hubs.bytes + maker->rows.len + more > LH_DELTA_BYTES_MAX) {
    end_part(maker, false);
  }
  maker->count++;
  const uint32_t hub =
      lh_hub_table_add(&maker->hubs, maker->registry, lh_entry_hub(lh_entry_of(row)));
  lh_codec_write_snapshot_row(&maker->rows, hub, row);
}

static uint64_t seq_of(const struct lh_list *head, const struct lh_list *link) {
  return link != head ? LH_ENTRY(link, struct lh_entry, order)->row.seq : UINT64_MAX;
}

// The first of the two lists of a ledger, rows and orders, by sequence.
static const struct lh_list **first_of(const struct lh_ledger *ledger, const struct lh_list **row,
                                       const struct lh_list **order) {
  return seq_of(&ledger->rows, *row) < seq_of(&ledger->orders, *order) ? row : order;
}

void lh_snapshot_make(struct lh_registry *registry, const struct lh_ledger *ledger,
                      struct lh_snapshot *out) {
  const bool ours = ledger == registry->own;
  struct maker maker = {.registry = registry, .ledger = ledger, .out = out};
  // A copy in doubt counts for one less; what it holds goes further.
  maker.seq = ours ? registry->journal.seq : ledger->seq + (ledger->doubted ? 1 : 0);
  maker.chain = ours ? registry->journal.chain : ledger->chain;
  if (LH_PLANTED(snapshot_of_later) && ours) {
    maker.seq = registry->journal.flushed_seq;
    maker.chain = registry->journal.flushed_chain;
  }
  *out = (struct lh_snapshot){0};
  const struct lh_list *row = ledger->rows.next;
  const struct lh_list *order = ledger->orders.next;
  while (row != &ledger->rows || order != &ledger->orders) {
    const struct lh_list **next = first_of(ledger, &row, &order);
    add_row(&maker, &LH_ENTRY(*next, struct lh_entry, order)->row);
    *next = (*next)->next;
  }
  end_part(&maker, true);
  lh_buf_free(&maker.rows);
}

void lh_snapshot_free(struct lh_snapshot *snapshot) {
  for (size_t i = 0; i < snapshot->count; i++) lh_buf_free(&snapshot->parts[i]);
  lh_free(snapshot->parts);
  *snapshot = (struct lh_snapshot){0};
}

// --- receiving ---

struct part {
  struct lh_run run;
  uint64_t seq;
  struct lh_chain chain;
  uint32_t total, index;
  bool is_last;
  struct lh_bytes hubs[LH_HUBS_MAX];
  uint32_t hub_count;
  struct lh_list rows;
  uint32_t count;
  uint64_t last_row_seq;
};

static void read_head(struct lh_reader *reader, struct part *part) {
  if (lh_read_array(reader, 8) != 8) lh_read_fail(reader, LH_EFORMAT);
  lh_read_run(reader, &part->run);
  part->seq = lh_read_uint(reader, LH_SEQ_MAX);
  part->chain = lh_chain_read(reader);
  part->total = (uint32_t)lh_read_uint(reader, LH_LEDGER_ROWS_MAX + LH_ORDERS_MAX);
  part->index = (uint32_t)lh_read_uint(reader, LH_LEDGER_ROWS_MAX + LH_ORDERS_MAX);
  part->is_last = lh_read_bool(reader);
}

static int read_rows(struct lh_reader *reader, uint32_t node, struct part *part) {
  part->hub_count = lh_hub_table_read(reader, part->hubs);
  const uint32_t count = lh_read_array(reader, LH_DELTA_OPS_MAX);
  for (uint32_t i = 0; i < count && reader->err == 0; i++) {
    uint32_t hub = 0;
    struct lh_entry *entry = lh_codec_read_snapshot_row(reader, node, part->hub_count, &hub);
    if (entry == NULL) break;
    lh_list_push(&part->rows, &entry->order);
    part->count++;
    if (entry->row.seq <= part->last_row_seq || entry->row.seq > part->seq) {
      lh_read_fail(reader, LH_EFORMAT);
    }
    part->last_row_seq = entry->row.seq;
  }
  return lh_read_end(reader);
}

static void discard(struct part *part) {
  struct lh_list *link;
  while ((link = lh_list_pop(&part->rows)) != NULL)
    lh_entry_free(LH_ENTRY(link, struct lh_entry, order));
}

// Whether this snapshot may replace the copy: the owner's, or one that was asked for of a frozen
// ledger.
static int may_replace(const struct lh_registry *registry, const struct lh_ledger *ledger,
                       uint32_t from) {
  if (ledger == NULL || ledger == registry->own) return LH_EDENIED;
  if (ledger->frozen) return ledger->fetch_from == from ? 0 : LH_EDENIED;
  return ledger->node == from ? 0 : LH_EDENIED;
}

static bool is_news(const struct lh_ledger *ledger, const struct part *part) {
  if (part->seq != ledger->seq) return part->seq > ledger->seq;
  if (ledger->frozen) return false;
  return ledger->whole || !lh_chain_equal(&part->chain, &ledger->chain);
}

// The staging that this part continues or begins; NULL when it does neither.
static struct lh_staging *staging_for(struct lh_ledger *ledger, uint32_t from,
                                      const struct part *part) {
  struct lh_staging *staging = ledger->staging;
  if (part->index == 0) {
    lh_ledger_unstage(ledger);
    staging = LH_NEW(struct lh_staging);
    *staging = (struct lh_staging){
        .from = from, .seq = part->seq, .chain = part->chain, .total = part->total};
    lh_list_init(&staging->rows);
    ledger->staging = staging;
  }
  const bool continues = staging != NULL && staging->from == from && staging->seq == part->seq &&
                         staging->total == part->total && staging->parts == part->index &&
                         lh_chain_equal(&staging->chain, &part->chain);
  return continues ? staging : NULL;
}

static int stage(struct lh_registry *registry, struct lh_staging *staging, struct part *part) {
  uint32_t hubs[LH_HUBS_MAX];
  if (part->count > staging->total - staging->count) return LH_EFORMAT;
  const bool short_of = part->is_last && staging->count + part->count != staging->total;
  if (short_of && !LH_PLANTED(narrow_snapshot)) return LH_EFORMAT;
  const int err = lh_hub_table_resolve(registry, part->hubs, part->hub_count, hubs);
  if (err != 0) return err;
  struct lh_list *link;
  while ((link = lh_list_pop(&part->rows)) != NULL) {
    struct lh_entry *entry = LH_ENTRY(link, struct lh_entry, order);
    const uint32_t kind = lh_entry_is_order(entry) ? LH_ORDER_BIT : 0;
    entry->row.hub = (uint16_t)(hubs[entry->row.hub] | kind);
    lh_list_push(&staging->rows, link);
  }
  staging->count += part->count;
  staging->last_row_seq = part->last_row_seq;
  staging->parts++;
  return 0;
}

// Moves all of `from` to `to`.
static void take_all(struct lh_list *to, struct lh_list *from) {
  lh_list_init(to);
  if (lh_list_empty(from)) return;
  *to = *from;
  to->next->prev = to->prev->next = to;
  lh_list_init(from);
}

// A row of the dead that went from here already, when it was placed or stopped; whoever sent it was
// away then.
static bool is_handled(const struct lh_registry *registry, const struct lh_ledger *ledger,
                       const struct lh_entry *entry) {
  if (!ledger->frozen || entry->row.seq > ledger->handled) return false;
  return lh_index_row(registry, ledger->node,
                      (struct lh_key){entry->row.hub, lh_row_id(&entry->row)}) == NULL;
}

// The staged rows become the ledger. A row that the copy had under the same key is replaced in
// place, so that readers find one or the other; what the snapshot does not name goes.
static void swap_in(struct lh_registry *registry, struct lh_ledger *ledger) {
  struct lh_staging *staging = ledger->staging;
  struct lh_list old, old_orders, *link;
  take_all(&old, &ledger->rows);
  take_all(&old_orders, &ledger->orders);
  ledger->seq = staging->seq;
  ledger->chain = staging->chain;
  ledger->whole = false;
  while ((link = lh_list_pop(&staging->rows)) != NULL) {
    struct lh_entry *entry = LH_ENTRY(link, struct lh_entry, order);
    if (is_handled(registry, ledger, entry))
      lh_entry_free(entry);
    else
      lh_ledger_put(registry, ledger, entry);
  }
  while (LH_PLANTED(snapshot_merged) && (link = lh_list_pop(&old)) != NULL)
    lh_list_push(&ledger->rows, link);
  while (!lh_list_empty(&old_orders))
    lh_ledger_remove(registry, ledger, LH_ENTRY(old_orders.next, struct lh_entry, order));
  while (!lh_list_empty(&old))
    lh_ledger_remove(registry, ledger, LH_ENTRY(old.next, struct lh_entry, order));
  lh_ledger_unstage(ledger);
  // A survivor's copy may lack what was covered there: not good enough if the owner turns out to
  // live.
  if (ledger->frozen) ledger->whole = true;
  ledger->handled = ledger->seq;
  ledger->doubted = false;
  ledger->fetch_from = 0;
  ledger->in_step = true;
  registry->counters.snapshots_in++;
  registry->ops->advanced(registry->ops_self, ledger->node, ledger->seq);
}

static int receive_part(struct lh_registry *registry, struct lh_ledger *ledger,
                        struct lh_reader *reader, struct lh_staging *staging, struct part *part) {
  part->last_row_seq = staging->last_row_seq;
  int err = read_rows(reader, ledger->node, part);
  if (err == 0) err = stage(registry, staging, part);
  if (err != 0)
    lh_ledger_unstage(ledger);
  else if (part->is_last)
    swap_in(registry, ledger);
  return err;
}

int lh_snapshot_receive(struct lh_registry *registry, uint32_t from, struct lh_bytes body) {
  if (body.len < LH_CHAIN_SIZE) return LH_EFORMAT;
  if (body.len > LH_DELTA_BYTES_MAX) return LH_ELIMIT;
  const struct lh_bytes data = lh_bytes(body.data + LH_CHAIN_SIZE, body.len - LH_CHAIN_SIZE);
  struct part part;
  part.count = 0;
  lh_list_init(&part.rows);
  struct lh_reader reader;
  lh_reader_init(&reader, data);
  read_head(&reader, &part);
  if (reader.err != 0) return reader.err;
  if (lh_run_equal(&part.run, lh_runs_at(registry->runs, from)))
    (void)lh_ledger_open(registry, from);
  struct lh_ledger *ledger = lh_ledger_of_run(registry, &part.run);
  int err = may_replace(registry, ledger, from);
  if (err != 0) return err;
  if (!is_news(ledger, &part)) {
    registry->counters.duplicates++;
    return 0;
  }
  if (ledger->staging == NULL && part.index > 0) return 0;  // the rest of one that was given up
  struct lh_staging *staging = staging_for(ledger, from, &part);
  if (staging == NULL) {
    lh_ledger_unstage(ledger);
    return LH_EFORMAT;
  }
  staging->digest = lh_chain_next(registry, 'S', &staging->digest, data);
  if (memcmp(staging->digest.bytes, body.data, LH_CHAIN_SIZE) != 0) {
    registry->counters.digest_mismatch++;
    lh_ledger_unstage(ledger);
    ledger->whole = true;
    lh_sync_ask(registry, ledger);
    return 0;
  }
  err = receive_part(registry, ledger, &reader, staging, &part);
  discard(&part);
  return err;
}
