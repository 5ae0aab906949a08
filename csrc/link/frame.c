// frame.c - see frame.h. Frames in, records out; records in, frames out.
#include "link/frame.h"

#include <string.h>

#include "base/mem.h"

struct outgoing {
  struct lh_list node;
  size_t at, len;
  uint8_t type;
  uint8_t body[];
};

void lh_sendq_init(struct lh_sendq *queue) {
  *queue = (struct lh_sendq){0};
  for (unsigned lane = 0; lane < LH_LANES; lane++) lh_list_init(&queue->frames[lane]);
}

void lh_sendq_free(struct lh_sendq *queue) {
  for (unsigned lane = 0; lane < LH_LANES; lane++) {
    struct lh_list *node;
    while ((node = lh_list_pop(&queue->frames[lane])) != NULL) {
      lh_free(LH_ENTRY(node, struct outgoing, node));
    }
    queue->bytes[lane] = 0;
  }
  queue->count = 0;
}

void lh_sendq_push(struct lh_sendq *queue, unsigned lane, uint8_t type, struct lh_bytes body) {
  struct outgoing *frame = lh_alloc(sizeof *frame + body.len);
  frame->at = 0;
  frame->len = body.len;
  frame->type = type;
  if (body.len > 0) memcpy(frame->body, body.data, body.len);
  lh_list_push(&queue->frames[lane], &frame->node);
  queue->bytes[lane] += body.len;
  queue->count++;
}

static uint8_t flags_of(unsigned lane, bool first, bool last) {
  return (uint8_t)(lane << LH_RECORD_LANE_SHIFT | (first ? LH_RECORD_FIRST : 0U) |
                   (last ? LH_RECORD_LAST : 0U));
}

// The lane to serve next, LH_LANES when nothing waits.
static unsigned choose_lane(struct lh_sendq *queue) {
  if (!lh_list_empty(&queue->frames[LH_LANE_LINK])) return LH_LANE_LINK;
  if (!lh_list_empty(&queue->frames[LH_CLASS_CONTROL])) return LH_CLASS_CONTROL;
  const unsigned turn = queue->data_next ? LH_CLASS_DATA : LH_CLASS_STATE;
  const unsigned other = queue->data_next ? LH_CLASS_STATE : LH_CLASS_DATA;
  queue->data_next = !queue->data_next;
  if (!lh_list_empty(&queue->frames[turn])) return turn;
  return lh_list_empty(&queue->frames[other]) ? LH_LANES : other;
}

size_t lh_sendq_take(struct lh_sendq *queue, uint8_t *record) {
  if (queue->count == 0) return 0;
  const unsigned lane = choose_lane(queue);
  if (lane == LH_LANES) return 0;
  struct outgoing *frame = LH_ENTRY(queue->frames[lane].next, struct outgoing, node);
  const size_t left = frame->len - frame->at;
  const size_t len = left < LH_CHUNK_MAX ? left : LH_CHUNK_MAX;
  record[0] = frame->type;
  record[1] = flags_of(lane, frame->at == 0, len == left);
  memcpy(record + LH_RECORD_HEAD, frame->body + frame->at, len);
  frame->at += len;
  queue->bytes[lane] -= len;
  if (len == left) {
    lh_list_remove(&frame->node);
    lh_free(frame);
    queue->count--;
  }
  return LH_RECORD_HEAD + len;
}

size_t lh_record_write(uint8_t *record, unsigned lane, uint8_t type, struct lh_bytes body) {
  record[0] = type;
  record[1] = flags_of(lane, true, true);
  if (body.len > 0) memcpy(record + LH_RECORD_HEAD, body.data, body.len);
  return LH_RECORD_HEAD + body.len;
}

static void partial_clear(struct lh_partial *partial) {
  lh_free(partial->data);
  *partial = (struct lh_partial){0};
}

void lh_assembler_free(struct lh_assembler *assembler) {
  for (unsigned lane = 0; lane < LH_LANES; lane++) partial_clear(&assembler->lanes[lane]);
}

// Memory follows the bytes that came, never a length that was promised.
static int partial_append(struct lh_partial *partial, struct lh_bytes chunk, size_t max) {
  if (chunk.len > max - partial->len) return LH_ELIMIT;
  if (partial->len + chunk.len > partial->cap) {
    size_t cap = partial->cap > 0 ? partial->cap * 2 : (size_t)2 * LH_RECORD_MAX;
    if (cap > max) cap = max;
    uint8_t *data = lh_try_realloc(partial->data, cap);
    if (data == NULL) return LH_ENOMEM;
    partial->data = data;
    partial->cap = cap;
  }
  memcpy(partial->data + partial->len, chunk.data, chunk.len);
  partial->len += chunk.len;
  return 0;
}

static int continue_partial(struct lh_partial *partial, struct lh_bytes chunk, bool last, lh_ms now,
                            struct lh_frame *frame) {
  const size_t max =
      frame->lane == LH_LANE_LINK ? (size_t)LH_LINK_WORDS_MAX : (size_t)LH_LINK_MESSAGE_MAX;
  const int err = partial_append(partial, chunk, max);
  if (err != 0) return err;
  partial->touched = now;
  partial->open = !last;
  if (!last) return 0;
  frame->body = lh_bytes(partial->data, partial->len);
  return 1;
}

int lh_assembler_feed(struct lh_assembler *assembler, struct lh_bytes record, lh_ms now,
                      struct lh_frame *frame) {
  if (record.len < LH_RECORD_HEAD || record.len > LH_RECORD_MAX) return LH_EFORMAT;
  const uint8_t flags = record.data[1];
  if ((flags & ~LH_RECORD_FLAGS) != 0) return LH_EFORMAT;
  const bool first = (flags & LH_RECORD_FIRST) != 0;
  const bool last = (flags & LH_RECORD_LAST) != 0;
  *frame = (struct lh_frame){.lane = flags >> LH_RECORD_LANE_SHIFT, .type = record.data[0]};
  const struct lh_bytes chunk = lh_bytes(record.data + LH_RECORD_HEAD, record.len - LH_RECORD_HEAD);
  struct lh_partial *partial = &assembler->lanes[frame->lane];
  if (first == partial->open) return LH_EFORMAT;
  if (first && last) {
    frame->body = chunk;
    return 1;
  }
  // An empty chunk would keep an unfinished frame alive for ever.
  if (chunk.len == 0) return LH_EFORMAT;
  if (!first && partial->type != frame->type) return LH_EFORMAT;
  partial->type = frame->type;
  return continue_partial(partial, chunk, last, now, frame);
}

void lh_assembler_release(struct lh_assembler *assembler, const struct lh_frame *frame) {
  struct lh_partial *partial = &assembler->lanes[frame->lane];
  if (!partial->open && partial->data != NULL) partial_clear(partial);
}

lh_ms lh_assembler_oldest(const struct lh_assembler *assembler) {
  lh_ms oldest = LH_NEVER;
  for (unsigned lane = 0; lane < LH_LANES; lane++) {
    const struct lh_partial *partial = &assembler->lanes[lane];
    if (partial->open && partial->touched < oldest) oldest = partial->touched;
  }
  return oldest;
}
