// frame.c - see frame.h. Frames in, records out; records in, frames out.
#include "link/frame.h"

#include <string.h>

#include "base/mem.h"

enum { SHARED_MAX = LH_RECORD_MAX / 4 };  // a longer frame has its records to itself

struct block {
  struct lh_list node;
  bool shared;        // `bytes` are pieces, else the body of one frame
  uint8_t type;       // of the one frame
  size_t at;          // of its body: taken already
  size_t body_bytes;  // of the pieces
  struct lh_buf bytes;
};

void lh_sendq_init(struct lh_sendq *queue) {
  *queue = (struct lh_sendq){0};
  for (unsigned lane = 0; lane < LH_LANES; lane++) lh_list_init(&queue->blocks[lane]);
}

static void block_free(struct block *block) {
  lh_buf_free(&block->bytes);
  lh_free(block);
}

void lh_sendq_free(struct lh_sendq *queue) {
  for (unsigned lane = 0; lane < LH_LANES; lane++) {
    struct lh_list *node;
    while ((node = lh_list_pop(&queue->blocks[lane])) != NULL) {
      block_free(LH_ENTRY(node, struct block, node));
    }
    queue->bytes[lane] = 0;
  }
  queue->count = 0;
}

static uint8_t flags_of(unsigned lane, bool first, bool last) {
  return (uint8_t)(lane << LH_PIECE_LANE_SHIFT | (first ? LH_PIECE_FIRST : 0U) |
                   (last ? LH_PIECE_LAST : 0U));
}

static void write_head(uint8_t *piece, uint8_t type, uint8_t flags, size_t len) {
  piece[0] = type;
  piece[1] = flags;
  piece[2] = (uint8_t)(len >> 8);
  piece[3] = (uint8_t)len;
}

static void copy(uint8_t *to, struct lh_bytes from) {
  if (from.len > 0) memcpy(to, from.data, from.len);
}

size_t lh_record_write(uint8_t *record, unsigned lane, uint8_t type, const struct lh_parts *parts) {
  const size_t len = lh_parts_len(parts);
  write_head(record, type, flags_of(lane, true, true), len);
  copy(record + LH_PIECE_HEAD, parts->head);
  copy(record + LH_PIECE_HEAD + parts->head.len, parts->body);
  return LH_PIECE_HEAD + len;
}

static struct block *add_block(struct lh_sendq *queue, unsigned lane, bool shared) {
  struct block *block = LH_NEW(struct block);
  block->shared = shared;
  lh_list_push(&queue->blocks[lane], &block->node);
  queue->count++;
  return block;
}

// The last block of a lane, if it has room for a frame more.
static struct block *open_block(struct lh_sendq *queue, unsigned lane, size_t len) {
  if (lh_list_empty(&queue->blocks[lane])) return NULL;
  struct block *last = LH_ENTRY(queue->blocks[lane].prev, struct block, node);
  return last->shared && last->bytes.len + LH_PIECE_HEAD + len <= LH_RECORD_MAX ? last : NULL;
}

static void push_shared(struct lh_sendq *queue, unsigned lane, uint8_t type,
                        const struct lh_parts *parts) {
  const size_t len = lh_parts_len(parts);
  struct block *block = open_block(queue, lane, len);
  if (block == NULL) block = add_block(queue, lane, true);
  lh_buf_reserve(&block->bytes, LH_PIECE_HEAD + len);
  block->bytes.len += lh_record_write(block->bytes.data + block->bytes.len, lane, type, parts);
  block->body_bytes += len;
}

static void push_alone(struct lh_sendq *queue, unsigned lane, uint8_t type,
                       const struct lh_parts *parts) {
  struct block *block = add_block(queue, lane, false);
  block->type = type;
  lh_buf_reserve(&block->bytes, lh_parts_len(parts));
  lh_buf_append(&block->bytes, parts->head.data, parts->head.len);
  lh_buf_append(&block->bytes, parts->body.data, parts->body.len);
}

void lh_sendq_push(struct lh_sendq *queue, unsigned lane, uint8_t type,
                   const struct lh_parts *parts) {
  const size_t len = lh_parts_len(parts);
  if (len <= SHARED_MAX)
    push_shared(queue, lane, type, parts);
  else
    push_alone(queue, lane, type, parts);
  queue->bytes[lane] += len;
}

// The lane to serve next, LH_LANES when nothing waits.
static unsigned choose_lane(struct lh_sendq *queue) {
  if (!lh_list_empty(&queue->blocks[LH_LANE_LINK])) return LH_LANE_LINK;
  if (!lh_list_empty(&queue->blocks[LH_CLASS_CONTROL])) return LH_CLASS_CONTROL;
  const unsigned turn = queue->data_next ? LH_CLASS_DATA : LH_CLASS_STATE;
  const unsigned other = queue->data_next ? LH_CLASS_STATE : LH_CLASS_DATA;
  queue->data_next = !queue->data_next;
  if (!lh_list_empty(&queue->blocks[turn])) return turn;
  return lh_list_empty(&queue->blocks[other]) ? LH_LANES : other;
}

// The next chunk of a frame that has its records to itself; `*len` of its body are taken.
static size_t take_chunk(struct block *block, unsigned lane, uint8_t *record, size_t *len) {
  const size_t left = block->bytes.len - block->at;
  *len = left < LH_CHUNK_MAX ? left : LH_CHUNK_MAX;
  write_head(record, block->type, flags_of(lane, block->at == 0, *len == left), *len);
  memcpy(record + LH_PIECE_HEAD, block->bytes.data + block->at, *len);
  block->at += *len;
  return LH_PIECE_HEAD + *len;
}

static size_t take_shared(const struct block *block, uint8_t *record, size_t *len) {
  memcpy(record, block->bytes.data, block->bytes.len);
  *len = block->body_bytes;
  return block->bytes.len;
}

size_t lh_sendq_take(struct lh_sendq *queue, uint8_t *record) {
  if (queue->count == 0) return 0;
  const unsigned lane = choose_lane(queue);
  if (lane == LH_LANES) return 0;
  struct block *block = LH_ENTRY(queue->blocks[lane].next, struct block, node);
  size_t taken;
  const size_t size =
      block->shared ? take_shared(block, record, &taken) : take_chunk(block, lane, record, &taken);
  queue->bytes[lane] -= taken;
  if (!block->shared && block->at < block->bytes.len) return size;
  lh_list_remove(&block->node);
  block_free(block);
  queue->count--;
  return size;
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

static int take_piece(struct lh_assembler *assembler, struct lh_bytes chunk, uint8_t flags,
                      lh_ms now, struct lh_frame *frame) {
  struct lh_partial *partial = &assembler->lanes[frame->lane];
  const bool first = (flags & LH_PIECE_FIRST) != 0;
  const bool last = (flags & LH_PIECE_LAST) != 0;
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

int lh_assembler_feed(struct lh_assembler *assembler, struct lh_bytes *record, lh_ms now,
                      struct lh_frame *frame) {
  if (record->len < LH_PIECE_HEAD || record->len > LH_RECORD_MAX) return LH_EFORMAT;
  const uint8_t *head = record->data;
  const size_t len = (size_t)head[2] << 8 | head[3];
  if (len > record->len - LH_PIECE_HEAD) return LH_EFORMAT;
  if ((head[1] & ~LH_PIECE_FLAGS) != 0) return LH_EFORMAT;
  *frame = (struct lh_frame){.lane = head[1] >> LH_PIECE_LANE_SHIFT, .type = head[0]};
  *record = lh_bytes(head + LH_PIECE_HEAD + len, record->len - LH_PIECE_HEAD - len);
  return take_piece(assembler, lh_bytes(head + LH_PIECE_HEAD, len), head[1], now, frame);
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
