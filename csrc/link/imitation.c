// imitation.c - sessions of a simulation that hide nothing: the messages of a TLS session without
// its ciphers. Two thirds of what a simulated minute costs are handshakes.
//
//   DIALLED: says hello -> waits for the answer -> says it is done, and is
//   ACCEPTED: waits for hello, answers -> waits for "done"
//
// As in TLS each direction is a row of records (type 1, version 2, length 2, body, tag 16) that
// open in their order only, under keys of both ends' random bytes; the other end has the cluster's
// key or its first record does not open; what was damaged does not open either, and a damaged
// length waits for the rest. What is sent can be read by anybody, and made by whoever wants to:
// only a simulated environment can ask for it (lh_env_imitates), and some seeds have the real one.
#include "link/tls.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum {
  HEAD_BYTES = 5,
  TAG_BYTES = 16,
  BODY_MAX = 16384 + 256,
  HELLO_BYTES = 256,  // about as long as those of TLS
  ANSWER_BYTES = 192,
  DONE_BYTES = 48,
  ALERT_BYTES = 2,  // to an end that cannot be believed; its own handshake fails by it
  RANDOM_BYTES = 32,
  TYPE_ALERT = 0x15,
  TYPE_HANDSHAKE = 0x16,
  TYPE_DATA = 0x17,
};

enum state { BEGINS, WAITS, ANSWERED, OVER };

struct way {  // one direction
  uint64_t key;
  uint64_t records;
};

struct imitation {
  struct lh_session base;
  struct lh_env *env;
  enum state state;
  uint64_t psk;
  uint64_t exported;
  uint8_t randoms[2][RANDOM_BYTES];  // of who accepted, of who dialled
  struct way in, out;
  struct lh_buf held;  // of a record that is not whole yet
};

static struct imitation *imitation_of(struct lh_session *session) {
  return (struct imitation *)session;
}

static void make_tag(struct way *way, const uint8_t *record, size_t len, uint64_t tag[2]) {
  tag[0] = lh_hash(record, len, lh_hash_mix(way->key, ++way->records));
  tag[1] = lh_hash_mix(tag[0], way->key);
}

static void write_record(struct imitation *self, uint8_t type, struct lh_bytes body) {
  struct lh_buf *out = &self->base.pipe->out;
  const size_t start = out->len;
  const size_t len = body.len + TAG_BYTES;
  const uint8_t head[HEAD_BYTES] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
  uint64_t tag[2];
  lh_buf_append(out, head, sizeof head);
  lh_buf_append(out, body.data, body.len);
  make_tag(&self->out, out->data + start, out->len - start, tag);
  lh_buf_append(out, tag, sizeof tag);
}

// Takes of the input until so many bytes are held.
static bool hold(struct imitation *self, size_t len) {
  struct lh_bytes *in = &self->base.pipe->in;
  const size_t missing = len - self->held.len;
  const size_t got = missing < in->len ? missing : in->len;
  lh_buf_append(&self->held, in->data, got);
  *in = lh_bytes(in->data + got, in->len - got);
  return self->held.len == len;
}

// The length of the body of the next record, which is then held whole; 0; LH_EFORMAT.
static int next_record(struct imitation *self, uint8_t type) {
  if (self->held.len < HEAD_BYTES && !hold(self, HEAD_BYTES)) return 0;
  const uint8_t *head = self->held.data;
  const size_t len = (size_t)head[3] << 8 | head[4];
  if (head[0] != type || head[1] != 3 || head[2] != 3) return LH_EFORMAT;
  if (len <= TAG_BYTES || len > BODY_MAX) return LH_EFORMAT;
  if (!hold(self, HEAD_BYTES + len)) return 0;
  uint64_t tag[2];
  make_tag(&self->in, self->held.data, HEAD_BYTES + len - TAG_BYTES, tag);
  const bool fits = memcmp(tag, self->held.data + HEAD_BYTES + len - TAG_BYTES, TAG_BYTES) == 0;
  return fits ? (int)(len - TAG_BYTES) : LH_EFORMAT;
}

// --- the handshake ---

static void begin(struct imitation *self) {
  self->in.key = self->out.key = self->psk;
  self->state = WAITS;
}

// Says `len` bytes, of which the first are random.
static void say(struct imitation *self, size_t len) {
  uint8_t body[HELLO_BYTES] = {0};
  uint8_t *own = self->randoms[self->base.dialled];
  lh_env_random(self->env, own, RANDOM_BYTES);
  memcpy(body, own, RANDOM_BYTES);
  write_record(self, TYPE_HANDSHAKE, lh_bytes(body, len));
}

// Both ends have both random bytes.
static void turn_keys(struct imitation *self) {
  const uint64_t both = lh_hash(self->randoms, sizeof self->randoms, self->psk);
  const bool dialled = self->base.dialled;
  self->in = (struct way){.key = lh_hash_mix(both, dialled)};
  self->out = (struct way){.key = lh_hash_mix(both, !dialled)};
  self->exported = lh_hash_mix(both, 2);
}

static bool take(struct imitation *self, size_t len) {
  uint8_t *theirs = self->randoms[!self->base.dialled];
  if (self->held.len != HEAD_BYTES + len + TAG_BYTES) return false;
  memcpy(theirs, self->held.data + HEAD_BYTES, RANDOM_BYTES);
  lh_buf_free(&self->held);
  return true;
}

static bool answer_hello(struct imitation *self) {
  if (!take(self, HELLO_BYTES)) return false;
  say(self, ANSWER_BYTES);
  turn_keys(self);
  self->state = ANSWERED;
  return true;
}

static bool finish(struct imitation *self) {
  static const uint8_t done[DONE_BYTES];
  if (!take(self, ANSWER_BYTES)) return false;
  turn_keys(self);
  write_record(self, TYPE_HANDSHAKE, lh_bytes(done, sizeof done));
  self->state = OVER;
  return true;
}

// Of who accepted: the first record is "hello", under the cluster's key, the second "done".
static bool take_handshake(struct imitation *self) {
  if (self->base.dialled) return finish(self);
  if (self->state == WAITS) return answer_hello(self);
  lh_buf_free(&self->held);
  self->state = OVER;
  return true;
}

static int imitation_shake(struct lh_session *session, const char **reason) {
  struct imitation *self = imitation_of(session);
  if (self->state == BEGINS) {
    begin(self);
    if (session->dialled) say(self, HELLO_BYTES);
  }
  int got = 0;
  while (self->state != OVER && (got = next_record(self, TYPE_HANDSHAKE)) > 0) {
    if (!take_handshake(self)) got = LH_EFORMAT;
    if (got < 0) break;
  }
  if (got >= 0) return self->state == OVER;
  static const uint8_t alert[ALERT_BYTES];
  write_record(self, TYPE_ALERT, lh_bytes(alert, sizeof alert));
  *reason = "unexpected bytes";
  return LH_EDENIED;
}

// --- records ---

static int imitation_read(struct lh_session *session, uint8_t *out, size_t cap) {
  struct imitation *self = imitation_of(session);
  const int len = next_record(self, TYPE_DATA);
  if (len <= 0) return len;
  if ((size_t)len > cap) return LH_EFORMAT;
  memcpy(out, self->held.data + HEAD_BYTES, (size_t)len);
  lh_buf_clear(&self->held);
  return len;
}

static bool imitation_write(struct lh_session *session, struct lh_bytes record) {
  write_record(imitation_of(session), TYPE_DATA, record);
  return true;
}

static bool imitation_holds_half(const struct lh_session *session) {
  return ((const struct imitation *)session)->held.len > 0;
}

static void imitation_renew(struct lh_session *session) { (void)session; }

static bool imitation_export(struct lh_session *session, enum lh_export use, uint8_t *out,
                             size_t len) {
  struct lh_random random = {imitation_of(session)->exported + (uint64_t)use};
  for (size_t i = 0; i < len; i++) out[i] = (uint8_t)lh_random_next(&random);
  return true;
}

static void imitation_free(struct lh_session *session) {
  lh_buf_free(&imitation_of(session)->held);
  lh_free(session);
}

static const struct lh_session_ops imitation_ops = {
    imitation_free,       imitation_shake, imitation_read,  imitation_write,
    imitation_holds_half, imitation_renew, imitation_export};

struct lh_session *lh_imitation_new(struct lh_env *env, const uint8_t psk[32]) {
  struct imitation *self = LH_NEW(struct imitation);
  self->base.ops = &imitation_ops;
  self->env = env;
  self->psk = lh_hash(psk, 32, 0) | 1;
  return &self->base;
}
