// seal.c - see seal.h. Owns the cipher contexts, which hold the keys.
#include "link/openssl.h"

#include "link/seal.h"

#include <string.h>

#include "base/plant.h"
#include "link/keys.h"

enum {
  NONCE_BYTES = 12,
  RUN_BYTES = 24,
  CLUSTER_HEAD = LH_PACKET_HEAD_MAX,
  PAIR_HEAD = 1 + RUN_BYTES + 4 + 8
};

static void put_u32(uint8_t *out, uint32_t value) {
  for (unsigned i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_u64(uint8_t *out, uint64_t value) {
  put_u32(out, (uint32_t)(value >> 32));
  put_u32(out + 4, (uint32_t)value);
}

static uint32_t get_u32(const uint8_t *in) {
  return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static uint64_t get_u64(const uint8_t *in) { return (uint64_t)get_u32(in) << 32 | get_u32(in + 4); }

static void put_run(uint8_t *out, const struct lh_run *run) {
  memcpy(out, run->id.bytes, sizeof run->id.bytes);
  put_u64(out + sizeof run->id.bytes, run->epoch);
}

static size_t head_size(uint8_t kind) {
  if (kind == LH_PACKET_CLUSTER) return CLUSTER_HEAD;
  return kind == LH_PACKET_PAIR ? PAIR_HEAD : 0;
}

int lh_packet_parse(struct lh_bytes bytes, struct lh_packet *packet) {
  const size_t head = bytes.len > 0 ? head_size(bytes.data[0]) : 0;
  if (head == 0 || bytes.len < head + LH_TAG_BYTES) return LH_EFORMAT;
  if (bytes.len - head - LH_TAG_BYTES > LH_DATAGRAM_BODY_MAX) return LH_ELIMIT;
  *packet = (struct lh_packet){.kind = (enum lh_packet_kind)bytes.data[0]};
  const uint8_t *at = bytes.data + 1;
  memcpy(packet->sender.id.bytes, at, sizeof packet->sender.id.bytes);
  packet->sender.epoch = get_u64(at + sizeof packet->sender.id.bytes);
  at += RUN_BYTES;
  if (packet->kind == LH_PACKET_CLUSTER)
    memcpy(packet->salt, at, LH_SALT_BYTES);
  else
    packet->key_id = get_u32(at);
  packet->counter = get_u64(bytes.data + head - 8);
  packet->head = lh_bytes(bytes.data, head);
  packet->sealed = lh_bytes(bytes.data + head, bytes.len - head);
  return 0;
}

static EVP_CIPHER_CTX *context_new(const EVP_CIPHER *cipher, const uint8_t key[32], bool seal) {
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  lh_crypto_must(ctx != NULL && EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, seal) == 1,
                 "AES-256-GCM");
  return ctx;
}

// Sets the nonce and takes in what the tag covers besides the body.
static bool begin(EVP_CIPHER_CTX *ctx, uint64_t counter, struct lh_bytes head,
                  const struct lh_seal_context *context) {
  uint8_t nonce[NONCE_BYTES] = {0};
  uint8_t covered[sizeof context->cluster + RUN_BYTES];
  int len = 0;
  put_u64(nonce + NONCE_BYTES - 8, counter);
  memcpy(covered, context->cluster, sizeof context->cluster);
  put_run(covered + sizeof context->cluster, &context->to);
  return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, -1) == 1 &&
         EVP_CipherUpdate(ctx, NULL, &len, head.data, (int)head.len) == 1 &&
         EVP_CipherUpdate(ctx, NULL, &len, covered, (int)sizeof covered) == 1;
}

void lh_sealer_init(struct lh_sealer *sealer, const EVP_CIPHER *cipher, enum lh_packet_kind kind,
                    const struct lh_run *from, const uint8_t key[32]) {
  *sealer = (struct lh_sealer){.ctx = context_new(cipher, key, true), .kind = kind, .from = *from};
}

void lh_sealer_free(struct lh_sealer *sealer) {
  EVP_CIPHER_CTX_free(sealer->ctx);
  *sealer = (struct lh_sealer){0};
}

static size_t write_head(const struct lh_sealer *sealer, uint8_t *out) {
  const size_t head = head_size((uint8_t)sealer->kind);
  out[0] = (uint8_t)sealer->kind;
  put_run(out + 1, &sealer->from);
  uint8_t *at = out + 1 + RUN_BYTES;
  if (sealer->kind == LH_PACKET_CLUSTER)
    memcpy(at, sealer->salt, LH_SALT_BYTES);
  else
    put_u32(at, sealer->key_id);
  put_u64(out + head - 8, sealer->counter);
  return head;
}

int lh_seal(struct lh_sealer *sealer, const struct lh_seal_context *context, struct lh_bytes body,
            uint8_t *out) {
  if (body.len > LH_DATAGRAM_BODY_MAX || sealer->counter >= UINT64_MAX - 1) return LH_ELIMIT;
  sealer->counter++;
  const size_t head = write_head(sealer, out);
  int len = 0;
  int rest = 0;
  uint8_t *at = out + head;
  bool ok = begin(sealer->ctx, sealer->counter, lh_bytes(out, head), context);
  if (body.len > 0)
    ok = ok && EVP_CipherUpdate(sealer->ctx, at, &len, body.data, (int)body.len) == 1;
  ok = ok && EVP_CipherFinal_ex(sealer->ctx, at + len, &rest) == 1 &&
       EVP_CIPHER_CTX_ctrl(sealer->ctx, EVP_CTRL_GCM_GET_TAG, LH_TAG_BYTES, at + body.len) == 1;
  lh_crypto_must(ok, "sealing a datagram");
  return (int)(head + body.len + LH_TAG_BYTES);
}

bool lh_window_is_new(const struct lh_window *window, uint64_t counter) {
  if (counter > window->top || LH_PLANTED(datagram_replayed)) return true;
  if (counter == 0 || window->top - counter >= LH_WINDOW_BITS) return false;
  const uint64_t place = counter % LH_WINDOW_BITS;
  return (window->bits[place / 64] >> (place % 64) & 1) == 0;
}

void lh_window_mark(struct lh_window *window, uint64_t counter) {
  if (counter > window->top) {
    if (counter - window->top >= LH_WINDOW_BITS) {
      memset(window->bits, 0, sizeof window->bits);
    } else {
      for (uint64_t n = window->top + 1; n <= counter; n++) {
        const uint64_t place = n % LH_WINDOW_BITS;
        window->bits[place / 64] &= ~(UINT64_C(1) << (place % 64));
      }
    }
    window->top = counter;
  }
  const uint64_t place = counter % LH_WINDOW_BITS;
  window->bits[place / 64] |= UINT64_C(1) << (place % 64);
}

void lh_opener_init(struct lh_opener *opener, const EVP_CIPHER *cipher, const uint8_t key[32]) {
  *opener = (struct lh_opener){.ctx = context_new(cipher, key, false)};
}

void lh_opener_free(struct lh_opener *opener) {
  EVP_CIPHER_CTX_free(opener->ctx);
  *opener = (struct lh_opener){0};
}

int lh_open(struct lh_opener *opener, const struct lh_packet *packet,
            const struct lh_seal_context *context, uint8_t *out) {
  // Counter 2^64 - 1 would close the window for good; no sender reaches it.
  if (packet->counter == UINT64_MAX || !lh_window_is_new(&opener->window, packet->counter))
    return LH_EEXISTS;
  const size_t body = packet->sealed.len - LH_TAG_BYTES;
  uint8_t tag[LH_TAG_BYTES];
  memcpy(tag, packet->sealed.data + body, LH_TAG_BYTES);
  int len = 0;
  int rest = 0;
  bool ok = begin(opener->ctx, packet->counter, packet->head, context) &&
            EVP_CIPHER_CTX_ctrl(opener->ctx, EVP_CTRL_GCM_SET_TAG, LH_TAG_BYTES, tag) == 1;
  if (body > 0)
    ok = ok && EVP_CipherUpdate(opener->ctx, out, &len, packet->sealed.data, (int)body) == 1;
  if (!ok || EVP_CipherFinal_ex(opener->ctx, out + len, &rest) != 1) return LH_EDENIED;
  lh_window_mark(&opener->window, packet->counter);
  return (int)body;
}

void lh_cluster_key(const uint8_t base[32], const struct lh_run *sender,
                    const uint8_t salt[LH_SALT_BYTES], uint8_t out[32]) {
  uint8_t info[RUN_BYTES];
  put_run(info, sender);
  lh_hkdf(lh_bytes(base, 32), lh_bytes(salt, LH_SALT_BYTES), lh_bytes(info, sizeof info), out);
}
