// rooms: base env wire link
// link.c (fuzz) - what a peer may say after TLS, and what anybody may send as a datagram, without
// sockets.
//
//   byte 0 even: records (u16 length, bytes) through the assembler; whole frames of the link's own
//   lane are
//                read as HELLO, WELCOME and REFUSED
//   byte 0 odd:  the rest is a datagram, as it is; then its body is sealed under a known key,
//   opened, and
//                opened again after one byte was changed
//
// Oracles: no crash, nothing longer than its limit, records that were written from a frame give
// that frame back, a sealed datagram opens once, and a changed one never.
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

static void feed_records(const uint8_t *data, size_t size) {
  struct lh_assembler assembler = {0};
  lh_ms now = 0;
  while (size >= 2) {
    size_t len = (size_t)data[0] << 8 | data[1];
    if (len > size - 2) len = size - 2;
    struct lh_frame frame;
    const int got = lh_assembler_feed(&assembler, lh_bytes(data + 2, len), now++, &frame);
    if (got < 0) break;
    require(frame.lane < LH_LANES);
    if (got == 1) {
      read_words(&frame);
      lh_assembler_release(&assembler, &frame);
    }
    require(lh_assembler_oldest(&assembler) == LH_NEVER || lh_assembler_oldest(&assembler) < now);
    data += 2 + len;
    size -= 2 + len;
  }
  lh_assembler_free(&assembler);
}

// The same bytes as one frame: cut into records and put together again.
static void round_trip(const uint8_t *data, size_t size) {
  static uint8_t record[LH_RECORD_MAX];
  struct lh_sendq queue;
  struct lh_assembler assembler = {0};
  struct lh_frame frame;
  size_t len;
  int got = 0;
  lh_sendq_init(&queue);
  lh_sendq_push(&queue, LH_CLASS_DATA, 7, lh_bytes(data, size));
  while ((len = lh_sendq_take(&queue, record)) > 0) {
    got = lh_assembler_feed(&assembler, lh_bytes(record, len), 0, &frame);
    require(got >= 0);
  }
  require(got == 1 && frame.type == 7 && lh_bytes_equal(frame.body, lh_bytes(data, size)));
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
  lh_opener_init(&opener, key);
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
  lh_sealer_init(&sealer, size % 2 == 0 ? LH_PACKET_PAIR : LH_PACKET_CLUSTER, &from, key);
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
