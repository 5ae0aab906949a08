// journal.c - the log of our own changes: operations collect in an open frame, sealed frames are
// kept as the bytes that were sent, so that a peer that lags gets the same frames and the same
// chain.
//
//   ops (open) --seal--> frames --flush--> handed to peers --trim--> gone (then a snapshot is
//   needed)
#include "registry/internal.h"
#include "base/mem.h"

enum { OP_HEAD_MAX = 64 };  // an operation besides its id, metadata and spec

static struct lh_chain chain_of(const struct lh_frame *frame) {
  struct lh_chain chain;
  memcpy(chain.bytes, frame->data, sizeof chain.bytes);
  return chain;
}

void lh_journal_free(struct lh_journal *journal) {
  for (size_t i = 0; i < journal->count; i++) lh_free(journal->frames[journal->head + i].data);
  lh_free(journal->frames);
  lh_buf_free(&journal->ops);
  *journal = (struct lh_journal){0};
}

static void keep(struct lh_journal *journal, struct lh_frame frame) {
  if (journal->head > 0 && journal->head + journal->count == journal->cap) {
    memmove(journal->frames, journal->frames + journal->head, journal->count * sizeof frame);
    journal->head = 0;
  }
  if (journal->count == journal->cap) {
    journal->cap = journal->cap > 0 ? journal->cap * 2 : 16;
    journal->frames = lh_realloc(journal->frames, journal->cap * sizeof frame);
  }
  journal->frames[journal->head + journal->count++] = frame;
  journal->bytes += frame.len;
}

void lh_journal_seal(struct lh_registry *registry) {
  struct lh_journal *journal = &registry->journal;
  if (journal->ops_count == 0) return;
  struct lh_frame frame = {.first = journal->seq + 1, .last = journal->seq + journal->ops_count};
  struct lh_buf body = LH_BUF_EMPTY;
  lh_buf_reserve(&body, LH_DELTA_HEAD_MAX + journal->hubs.bytes + journal->ops.len);
  lh_buf_append(&body, journal->chain.bytes, LH_CHAIN_SIZE);  // its place; the digest comes below
  lh_write_array(&body, 5);
  lh_write_run(&body, &registry->own->run);
  lh_write_uint(&body, frame.first);
  lh_write_uint(&body, frame.last);
  lh_hub_table_write(&body, &journal->hubs, registry);
  lh_write_array(&body, journal->ops_count);
  lh_buf_append(&body, journal->ops.data, journal->ops.len);
  journal->chain = lh_chain_next(registry, 'D', &journal->chain,
                                 lh_bytes(body.data + LH_CHAIN_SIZE, body.len - LH_CHAIN_SIZE));
  memcpy(body.data, journal->chain.bytes, LH_CHAIN_SIZE);
  frame.data = lh_buf_take(&body, &frame.len);
  journal->seq = frame.last;
  keep(journal, frame);
  lh_buf_clear(&journal->ops);
  journal->ops_count = 0;
  lh_hub_table_clear(&journal->hubs);
}

// Room in the open frame for one more operation of `bytes` in `hub`; the hub's place in it.
static uint32_t open_frame(struct lh_registry *registry, uint32_t hub, size_t bytes) {
  struct lh_journal *journal = &registry->journal;
  const size_t more = bytes + OP_HEAD_MAX + LH_HUB_ID_MAX;
  if (journal->ops_count == LH_DELTA_OPS_MAX ||
      LH_DELTA_HEAD_MAX + journal->hubs.bytes + journal->ops.len + more > LH_DELTA_BYTES_MAX) {
    lh_journal_seal(registry);
  }
  journal->ops_count++;
  return lh_hub_table_add(&journal->hubs, registry, hub);
}

void lh_journal_put(struct lh_registry *registry, const struct lh_row *row) {
  const uint32_t hub = open_frame(registry, row->hub, lh_entry_bytes(lh_entry_of(row)));
  lh_codec_write_row(&registry->journal.ops, hub, row);
}

void lh_journal_remove(struct lh_registry *registry, uint32_t hub, struct lh_bytes id) {
  const uint32_t local = open_frame(registry, hub, id.len);
  lh_codec_write_removal(&registry->journal.ops, local, id);
}

void lh_journal_order(struct lh_registry *registry, uint32_t hub, struct lh_bytes id,
                      uint64_t born) {
  const uint32_t local = open_frame(registry, hub, id.len);
  lh_codec_write_order(&registry->journal.ops, local, id, born);
}

// A range that costs as much as a quarter of a snapshot is not worth its memory.
static size_t bytes_to_keep(const struct lh_registry *registry) {
  const size_t quarter = registry->own->bytes / 4;
  if (quarter < LH_JOURNAL_BYTES_MIN) return LH_JOURNAL_BYTES_MIN;
  return quarter < LH_LOG_BYTES_MAX ? quarter : LH_LOG_BYTES_MAX;
}

void lh_journal_trim(struct lh_registry *registry) {
  struct lh_journal *journal = &registry->journal;
  const size_t limit = bytes_to_keep(registry);
  while (journal->bytes > limit) {
    struct lh_frame *frame = &journal->frames[journal->head];
    journal->base_seq = frame->last;
    journal->base_chain = chain_of(frame);
    journal->bytes -= frame->len;
    lh_free(frame->data);
    journal->head++;
    journal->count--;
  }
  if (journal->ops.cap > LH_JOURNAL_BYTES_MIN) lh_buf_free(&journal->ops);
}

size_t lh_journal_after(const struct lh_journal *journal, uint64_t seq) {
  size_t low = journal->head;
  size_t high = journal->head + journal->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (journal->frames[middle].first <= seq)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool lh_journal_reaches(const struct lh_journal *journal, uint64_t seq,
                        const struct lh_chain *chain) {
  if (seq == journal->base_seq) return lh_chain_equal(chain, &journal->base_chain);
  const size_t after = lh_journal_after(journal, seq);
  if (after == journal->head) return false;
  const struct lh_frame *frame = &journal->frames[after - 1];
  const struct lh_chain there = chain_of(frame);
  return frame->last == seq && lh_chain_equal(chain, &there);
}
