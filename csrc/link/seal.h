// seal.h - sealed datagrams: AES-256-GCM, counter nonces, replay windows. Private to csrc/link.
//
//   version and kind u8 | sender: id 16, epoch u64 | salt 16 (cluster) or key id u32 (pair) |
//   counter u64 | ciphertext | tag 16
//
// The tag also covers the cluster and the receiver's run, so a datagram opens at one receiver only.
// Pure: no clock, no socket. A sealer or an opener belongs to one thread at a time.
#ifndef LH_LINK_SEAL_H
#define LH_LINK_SEAL_H

#include "link/openssl.h"

#include "link/link.h"

enum lh_packet_kind { LH_PACKET_CLUSTER = 0x11, LH_PACKET_PAIR = 0x12 };
enum {
  LH_SALT_BYTES = 16,
  LH_TAG_BYTES = 16,
  LH_PACKET_HEAD_MAX = 1 + 16 + 8 + LH_SALT_BYTES + 8,
  LH_PACKET_MAX = LH_PACKET_HEAD_MAX + LH_DATAGRAM_BODY_MAX + LH_TAG_BYTES,
  LH_WINDOW_BITS = 1024,
};

// The parts of a datagram; slices into it. Nothing in it is proven before it was opened.
struct lh_packet {
  enum lh_packet_kind kind;
  struct lh_run sender;
  uint32_t key_id;              // LH_PACKET_PAIR
  uint8_t salt[LH_SALT_BYTES];  // LH_PACKET_CLUSTER
  uint64_t counter;
  struct lh_bytes head, sealed;  // `sealed` ends in the tag
};

// 0, LH_EFORMAT, or LH_ELIMIT when the body is longer than LH_DATAGRAM_BODY_MAX.
int lh_packet_parse(struct lh_bytes bytes, struct lh_packet *packet);

// What the tag covers beside the head.
struct lh_seal_context {
  uint8_t cluster[16];
  struct lh_run to;
};

struct lh_sealer {
  EVP_CIPHER_CTX *ctx;  // NULL: there is no key
  enum lh_packet_kind kind;
  struct lh_run from;
  uint32_t key_id;
  uint8_t salt[LH_SALT_BYTES];
  uint64_t counter;  // of the last datagram; never wraps
};

// `cipher` is AES-256-GCM.
void lh_sealer_init(struct lh_sealer *sealer, const EVP_CIPHER *cipher, enum lh_packet_kind kind,
                    const struct lh_run *from, const uint8_t key[32]);
void lh_sealer_free(struct lh_sealer *sealer);
// Writes a datagram to `out` (LH_PACKET_MAX bytes) and answers its length, or LH_ELIMIT when the
// body is too long or the counter is used up.
int lh_seal(struct lh_sealer *sealer, const struct lh_seal_context *context, struct lh_bytes body,
            uint8_t *out);

struct lh_window {
  uint64_t top;
  uint64_t bits[LH_WINDOW_BITS /
                64];  // bit (n mod 1024): counter n was seen, for n in (top - 1024, top]
};
bool lh_window_is_new(const struct lh_window *window, uint64_t counter);
void lh_window_mark(struct lh_window *window, uint64_t counter);

struct lh_opener {
  EVP_CIPHER_CTX *ctx;  // NULL: there is no key
  uint32_t key_id;
  uint8_t salt[LH_SALT_BYTES];
  struct lh_window window;
};

void lh_opener_init(struct lh_opener *opener, const EVP_CIPHER *cipher, const uint8_t key[32]);
void lh_opener_free(struct lh_opener *opener);
// Opens into `out` (LH_DATAGRAM_BODY_MAX bytes) and answers the body's length; LH_EEXISTS when the
// counter was seen or is too old; LH_EDENIED when the tag does not fit. Only what opened moves the
// window.
int lh_open(struct lh_opener *opener, const struct lh_packet *packet,
            const struct lh_seal_context *context, uint8_t *out);

// The key under which `sender` seals before there is a session: bound to its run and its salt.
void lh_cluster_key(const uint8_t base[32], const struct lh_run *sender,
                    const uint8_t salt[LH_SALT_BYTES], uint8_t out[32]);

#endif
