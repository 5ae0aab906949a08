// rooms: base env wire link
// link.c (fuzz) - what a peer may say after TLS, and what anybody may send as a datagram, without
// sockets.
//
//   byte 0 even: records (u16 length, bytes) through the assembler; whole frames of the link's own
//                lane are read as HELLO, WELCOME and REFUSED; then the bytes as frames of a queue
//   byte 0 odd:  the rest is a datagram, as it is; then its body is sealed under a known key,
//   opened, and
//                opened again after one byte was changed
//
// Oracles: no crash, nothing longer than its limit, records that were written from frames give
// those frames back in their order, a sealed datagram opens once, and a changed one never.
#include "link/openssl.h"

#include <stdlib.h>
#include <string.h>

#include "link/frame.h"
#include "link/hello.h"
#include "link/seal.h"

static void require(bool holds) {
  if (!holds) abort();
}

static void read_words(const struct lh_frame *frame) {
  struct lh_hello_word hello;
  struct lh_refusal refusal;
  bool linked;
  require(frame->body.len <= LH_LINK_WORDS_MAX || frame->lane != LH_LANE_LINK);
  if (lh_hello_read(frame->body, &hello) == 0) {
    require(lh_name_is_valid(lh_bytes_str(hello.name)) && hello.greeting.len <= LH_GREETING_MAX);
    struct lh_buf again = LH_BUF_EMPTY;
    struct lh_hello_word copy;
    lh_hello_write(&again, &hello);
    require(lh_hello_read(lh_bytes_of(&again), &copy) == 0 && lh_run_equal(&copy.run, &hello.run));
    lh_buf_free(&again);
  }
  if (lh_refusal_read(frame->body, &refusal) == 0) require(refusal.answer.len <= LH_GREETING_MAX);
  (void)lh_welcome_read(frame->body, &linked);
}

// One record, which may hold many frames. False when it breaks the rules.
static bool feed_record(struct lh_assembler *assembler, struct lh_bytes record, lh_ms now) {
  while (record.len > 0) {
    const size_t before = record.len;
    struct lh_frame frame;
    const int got = lh_assembler_feed(assembler, &record, now, &frame);
    if (got < 0) return false;
    require(frame.lane < LH_LANES && record.len <= before - LH_PIECE_HEAD);
    if (got == 0) continue;
    read_words(&frame);
    lh_assembler_release(assembler, &frame);
  }
  return true;
}

static void feed_records(const uint8_t *data, size_t size) {
  struct lh_assembler assembler = {0};
  lh_ms now = 0;
  while (size >= 2) {
    size_t len = (size_t)data[0] << 8 | data[1];
    if (len > size - 2) len = size - 2;
    if (!feed_record(&assembler, lh_bytes(data + 2, len), now++)) break;
    require(lh_assembler_oldest(&assembler) == LH_NEVER || lh_assembler_oldest(&assembler) < now);
    data += 2 + len;
    size -= 2 + len;
  }
  lh_assembler_free(&assembler);
}

// A record of a queue, all of whose frames are to be `wanted`, in order. Answers how many were.
static size_t take_whole(struct lh_assembler *assembler, struct lh_bytes record,
                         const struct lh_bytes *wanted) {
  size_t taken = 0;
  struct lh_frame frame;
  while (record.len > 0) {
    const int got = lh_assembler_feed(assembler, &record, 0, &frame);
    require(got >= 0);
    if (got == 0) continue;
    require(frame.type == 7 && lh_bytes_equal(frame.body, wanted[taken++]));
    lh_assembler_release(assembler, &frame);
  }
  return taken;
}

// The same bytes as three frames, cut anywhere: put into records and taken out again.
static void round_trip(const uint8_t *data, size_t size) {
  static uint8_t record[LH_RECORD_MAX];
  struct lh_sendq queue;
  struct lh_assembler assembler = {0};
  const size_t cut = size > 0 ? data[0] % (size + 1) : 0;
  const struct lh_bytes frames[] = {lh_bytes(data, size), lh_bytes(data, cut),
                                    lh_bytes(data + cut, size - cut)};
  size_t len, taken = 0;
  lh_sendq_init(&queue);
  for (size_t i = 0; i < 3; i++) {
    const struct lh_parts parts = {
        .head = lh_bytes(frames[i].data, frames[i].len / 3),
        .body = lh_bytes(frames[i].data + frames[i].len / 3, frames[i].len - frames[i].len / 3)};
    lh_sendq_push(&queue, LH_CLASS_DATA, 7, &parts);
  }
  while ((len = lh_sendq_take(&queue, record)) > 0)
    taken += take_whole(&assembler, lh_bytes(record, len), frames + taken);
  require(taken == 3 && queue.count == 0 && queue.bytes[LH_CLASS_DATA] == 0);
  lh_assembler_free(&assembler);
  lh_sendq_free(&queue);
}

static const uint8_t key[32] = {1, 2, 3};
static const struct lh_seal_context context = {.cluster = {4}, .to = {.epoch = 5}};

static int open_fresh(const uint8_t *data, size_t size, uint8_t *out) {
  struct lh_packet packet;
  const int err = lh_packet_parse(lh_bytes(data, size), &packet);
  if (err != 0) return err;
  struct lh_opener opener;
  lh_opener_init(&opener, EVP_aes_256_gcm(), key);
  const int got = lh_open(&opener, &packet, &context, out);
  if (got >= 0) require(lh_open(&opener, &packet, &context, out) == LH_EEXISTS);
  lh_opener_free(&opener);
  return got;
}

static void seal_and_spoil(const uint8_t *data, size_t size) {
  const struct lh_run from = {.epoch = 9};
  const size_t body = size < LH_DATAGRAM_BODY_MAX ? size : LH_DATAGRAM_BODY_MAX;
  uint8_t packet[LH_PACKET_MAX];
  uint8_t out[LH_DATAGRAM_BODY_MAX];
  struct lh_sealer sealer;
  lh_sealer_init(&sealer, EVP_aes_256_gcm(), size % 2 == 0 ? LH_PACKET_PAIR : LH_PACKET_CLUSTER,
                 &from, key);
  const int len = lh_seal(&sealer, &context, lh_bytes(data, body), packet);
  lh_sealer_free(&sealer);
  require(len > 0 && open_fresh(packet, (size_t)len, out) == (int)body);
  require(body == 0 || memcmp(out, data, body) == 0);
  packet[size % (size_t)len] ^= 0x20;
  require(open_fresh(packet, (size_t)len, out) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  if (data[0] % 2 == 0) {
    feed_records(data + 1, size - 1);
    round_trip(data + 1, size - 1);
  } else {
    uint8_t out[LH_DATAGRAM_BODY_MAX];
    require(open_fresh(data + 1, size - 1, out) <= LH_DATAGRAM_BODY_MAX);
    seal_and_spoil(data + 1, size - 1);
  }
  return 0;
}
