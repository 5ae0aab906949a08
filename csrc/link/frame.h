// frame.h - frames cut into records, and records put together to frames. Private to csrc/link.
//
// A record is the plaintext of one TLS record, one or more pieces:
//
//   type u8 | flags u8 | length u16 | body      flags: 1 FIRST, 2 LAST, bits 2..3 the lane
//   ...                                         length: big endian, up to LH_CHUNK_MAX
//
// A lane is a class, or the link's own lane, on which the two ends speak about the link itself.
// Pieces of different lanes mix freely; within a lane frames follow each other whole. Small frames
// that wait share a record, for sealing and opening one costs more than most messages. Pure: no
// clock, no socket, no TLS. Not thread-safe: the caller holds the link's lock (sending), or is the
// loop's thread (receiving).
#ifndef LH_LINK_FRAME_H
#define LH_LINK_FRAME_H

#include "base/list.h"
#include "link/link.h"

enum {
  LH_PIECE_HEAD = 4,
  LH_RECORD_MAX = LH_LINK_CHUNK_MAX,  // the most that TLS seals as one record
  LH_CHUNK_MAX = LH_RECORD_MAX - LH_PIECE_HEAD,
  LH_LANE_LINK = LH_CLASSES,
  LH_LANES,
  LH_LINK_WORDS_MAX = LH_GREETING_MAX + 1024,  // a frame of the link's own lane
};

enum lh_piece_flag {
  LH_PIECE_FIRST = 1,
  LH_PIECE_LAST = 2,
  LH_PIECE_LANE_SHIFT = 2,
  LH_PIECE_FLAGS = 15
};

static inline size_t lh_parts_len(const struct lh_parts *parts) {
  return parts->head.len + parts->body.len;
}

// Frames that wait to be sealed. Owns copies of them, in blocks: a block is one large frame, or
// small ones that become one record.
struct lh_sendq {
  struct lh_list blocks[LH_LANES];
  size_t bytes[LH_LANES];  // bodies not yet taken
  size_t count;            // blocks
  bool data_next;          // state and data take turns
};

void lh_sendq_init(struct lh_sendq *queue);
void lh_sendq_free(struct lh_sendq *queue);
void lh_sendq_push(struct lh_sendq *queue, unsigned lane, uint8_t type,
                   const struct lh_parts *parts);
// Writes the next record to `record` (LH_RECORD_MAX bytes): the link's words, then control, then
// state and data in turn. Answers its length, 0 when nothing waits.
size_t lh_sendq_take(struct lh_sendq *queue, uint8_t *record);
// A whole frame as one record, which has room for LH_PIECE_HEAD more than the frame, which is at
// most LH_CHUNK_MAX.
size_t lh_record_write(uint8_t *record, unsigned lane, uint8_t type, const struct lh_parts *parts);

struct lh_frame {
  unsigned lane;
  uint8_t type;
  struct lh_bytes body;
};

struct lh_partial {
  uint8_t *data;
  size_t len, cap;
  lh_ms touched;
  uint8_t type;
  bool open;
};

struct lh_assembler {
  struct lh_partial lanes[LH_LANES];
};

void lh_assembler_free(struct lh_assembler *assembler);
// Takes the first piece off a record. 1: `frame` is whole (its body valid until
// lh_assembler_release); 0: more is to come; LH_EFORMAT: a record that breaks the rules;
// LH_ELIMIT: the frame grew past its limit; LH_ENOMEM. After an error the rest is not to be fed.
int lh_assembler_feed(struct lh_assembler *assembler, struct lh_bytes *record, lh_ms now,
                      struct lh_frame *frame);
void lh_assembler_release(struct lh_assembler *assembler, const struct lh_frame *frame);
// When the unfinished frame that waited longest got its last chunk; LH_NEVER when there is none.
lh_ms lh_assembler_oldest(const struct lh_assembler *assembler);

#endif
