// link.h - the connections to peers: one TLS 1.3 stream per pair of nodes, and sealed datagrams.
//
// Knows: addresses, keys, handshakes, frames, send queues, back-pressure. Does not know what frames
// mean. A peer is named by its run index (wire/runs.h).
//
//   dial or accept -> TLS (external PSK from the secret) -> HELLO both ways -> WELCOME both ways
//   -> UP -> DOWN
//
// HELLO carries: protocol range, cluster id, key id, run, name, feature bits, the node's boot
// nonce, the port it listens on and an opaque greeting from the node (its member record). One
// connection per pair: the end with the lower node id decides, and keeps the first that is ready.
//
// Threads: everything runs on the loop's thread except lh_links_send, lh_links_queued,
// lh_links_is_up, lh_links_datagram and lh_links_counters, which any thread may call. The sending
// ones seal and write at once (one lock per link around every SSL call; non-blocking send), unless
// they send much in a row that nobody answers: then several frames make one record and one send.
// What the kernel does not take waits in a bounded queue that the loop drains.
//
// Ownership: frames given to on_frame are slices valid during the call.
#ifndef LH_LINK_LINK_H
#define LH_LINK_LINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "env/env.h"
#include "wire/runs.h"

enum {
  LH_PROTOCOL_MIN = 1,
  LH_PROTOCOL_MAX = 1,
  // limit: how long a connection may take from its beginning to both WELCOMEs |
  // link.handshake_failed | spec/link/strangers_spec.lua: hangs up on half a handshake when its
  // time is over
  LH_LINK_HANDSHAKE_MS = 5000,
  // limit: accepted connections whose handshake is not over; more are closed at once |
  // link.half_open_full | spec/link/strangers_spec.lua: keeps at most 64 of 10,000 half-open
  // connections and goes on
  LH_LINK_HALF_OPEN_MAX = 64,
  LH_LINK_CHUNK_MAX = 16 * 1024,  // payload of one record
  // limit: bytes of one frame | link.too_big | spec/link/links_spec.lua: answer limit for a frame
  // above 16 MiB and closed for an unknown peer
  LH_LINK_MESSAGE_MAX = 16 * 1024 * 1024,
  // limit: bytes of control frames that wait for a peer; beyond it the link is closed |
  // link.overflows | spec/link/links_spec.lua: end when control is not read for too long
  LH_LINK_CONTROL_MAX = 1024 * 1024,
  // limit: bytes of state frames (rows, operations, events) that wait for a peer; beyond it the
  // link is closed | link.overflows | spec/link/links_spec.lua: end when state is not read for too
  // long
  LH_LINK_STATE_MAX = 256 * 1024 * 1024,
  // limit: bytes of messages between actors that wait for a peer; more calls are answered `busy` |
  // link.data_full, node.unsent | spec/link/links_spec.lua: push back when the data queue is full,
  // and take more when it has drained
  LH_LINK_DATA_MAX = 8 * 1024 * 1024,
  // limit: how long the next part of a frame may take | link.malformed |
  // spec/link/strangers_spec.lua: closes a link whose frame is never finished
  LH_LINK_PARTIAL_MS = 30000,
  // limit: how long a record may take to come whole | link.malformed | spec/sim/found_spec.lua: is
  // not held up by a record whose length was damaged
  LH_LINK_RECORD_MS = 10000,
  // limit: bytes of a datagram besides its seal | link.too_big | spec/link/datagrams_spec.lua:
  // carry bodies of 0 to 1200 bytes and no more
  LH_DATAGRAM_BODY_MAX = 1200,
  // limit: bytes of a node's record in its HELLO | link.malformed | spec/link/strangers_spec.lua:
  // hangs up on a greeting that is too large
  LH_GREETING_MAX = 16 * 1024,
};

// Frames of one class arrive in the order they were sent; control never queues behind the others.
enum lh_class { LH_CLASS_CONTROL, LH_CLASS_STATE, LH_CLASS_DATA, LH_CLASSES };

// The cluster's secret: 32 random bytes, printed by `luahub keygen` as one line of text.
struct lh_secret {
  uint8_t bytes[32];
};
enum { LH_SECRET_TEXT_MAX = 96 };
int lh_secret_parse(struct lh_secret *secret, const char *text, struct lh_error *error);
void lh_secret_format(const struct lh_secret *secret, char *out);  // LH_SECRET_TEXT_MAX bytes
void lh_secret_generate(struct lh_secret *secret);

// The node's identity: an Ed25519 key pair. The node id is the first 16 bytes of SHA-256(public
// key).
struct lh_identity {
  uint8_t private_key[32];
  uint8_t public_key[32];
  struct lh_node_id id;
};
void lh_identity_generate(struct lh_identity *identity, struct lh_env *env);
int lh_identity_restore(struct lh_identity *identity, const uint8_t private_key[32]);
void lh_identity_sign(const struct lh_identity *identity, struct lh_bytes data,
                      uint8_t signature[64]);
bool lh_identity_verify(const uint8_t public_key[32], struct lh_bytes data,
                        const uint8_t signature[64]);
void lh_identity_id(const uint8_t public_key[32], struct lh_node_id *id);
// For a process of many simulated nodes: from now on this thread keeps what it knows of signatures,
// so that each is verified once and not once a node; or its signatures are imitated. The caller
// frees it, before the next is made.
struct lh_signatures;
struct lh_signatures *lh_signatures_new(bool imitates);
void lh_signatures_free(struct lh_signatures *signatures);
// 128-bit keyed digest: HMAC-SHA-256(key, data) cut to 16 bytes.
void lh_digest(const uint8_t key[32], struct lh_bytes data, uint8_t out[16]);
// HKDF-SHA-256(secret, label) for the keys that are derived from the secret.
void lh_secret_derive(const struct lh_secret *secret, const char *label, uint8_t out[32]);

struct lh_hello {
  struct lh_run run;
  const char *name;
  struct lh_bytes greeting;
  bool dialled;            // by us
  struct lh_addr address;  // the other end of the socket
};

struct lh_links_ops {
  // A peer said HELLO and its secret is right. 0 admits it; a negative code refuses it, and
  // `answer` (up to LH_GREETING_MAX bytes, opaque) travels back to its on_dial_failed. Asked for
  // connections too that turn out to be second ones.
  int (*on_hello)(void *self, const struct lh_hello *peer, struct lh_buf *answer);
  // The link is up. Called once per link, before any of its frames.
  void (*on_up)(void *self, uint32_t peer, const struct lh_hello *hello);
  void (*on_down)(void *self, uint32_t peer, const char *reason);
  void (*on_frame)(void *self, uint32_t peer, uint8_t type, struct lh_bytes body);
  // All frames that came together were given: what was put off meanwhile is to be done now.
  void (*on_frames_end)(void *self);
  // A datagram whose seal proves who sent it.
  void (*on_datagram)(void *self, uint32_t peer, struct lh_bytes body);
  // A dial ended without a link. `err`: LH_ECLOSED refused by the machine (nothing listens there),
  // LH_ETIMEOUT, LH_EDENIED the peer said no (`code` its code, `answer` its node's words) or only
  // our own side did (`code` 0). A `code` without an answer is the word of the peer's links:
  // LH_EDISPLACED another process with our identity goes before us, LH_EAGAIN come again with a
  // later epoch. LH_EEXISTS it is the node itself or there is a link already, LH_EVERSION, LH_EIO
  // anything else, another secret among it. `run` is who answered, when somebody did (all zero
  // otherwise).
  void (*on_dial_failed)(void *self, const struct lh_addr *to, int err, int code,
                         const struct lh_run *run, struct lh_bytes answer, const char *reason);
};

struct lh_links_config {
  struct lh_env *env;
  struct lh_runs *runs;
  const struct lh_identity *identity;  // must live longer
  struct lh_secret secret;
  const char *cluster;  // cluster name, part of what the secret's keys are derived from; "" is fine
  const char *name;
  uint64_t epoch;
  struct lh_addr listen;  // port 0 picks one; TCP and UDP share the port
  lh_ms partial_ms;       // 0: LH_LINK_PARTIAL_MS
};

struct lh_links;

// Once in a process, before anything else of this room: exit() does not end OpenSSL under threads
// that still use it.
void lh_links_prepare(void);
// NULL and `error` (address in use, ...) when it cannot listen. `greeting` is copied, see
// lh_links_greeting.
struct lh_links *lh_links_new(const struct lh_links_config *config, const struct lh_links_ops *ops,
                              void *self, struct lh_error *error);
// Closes every link at once; no callbacks. Not from a callback, nor while another thread sends.
void lh_links_free(struct lh_links *links);
// What it listens on, with the port.
void lh_links_addr(const struct lh_links *links, struct lh_addr *out);
// What our HELLO carries from now on.
void lh_links_rename(struct lh_links *links, const char *name);
void lh_links_greeting(struct lh_links *links, struct lh_bytes greeting);
// A new epoch: all links are closed first, dials under way fail, keys of datagrams are forgotten.
void lh_links_epoch(struct lh_links *links, uint64_t epoch);

// Dials once; the end is on_up or on_dial_failed (also when a link to that run exists: then
// LH_EEXISTS and nothing is closed). Repeated dials to an address under way are one.
void lh_links_dial(struct lh_links *links, const struct lh_addr *to);
// Closes the link at once, what is queued is lost; on_down is called.
void lh_links_close(struct lh_links *links, uint32_t peer, const char *reason);
bool lh_links_is_up(const struct lh_links *links, uint32_t peer);  // [any thread]

// A frame's body: the second slice follows the first. Either may be empty.
struct lh_parts {
  struct lh_bytes head, body;
};
// Queues a frame. 0; LH_ECLOSED without a link; LH_EAGAIN when the data queue is full; LH_ELIMIT
// when the frame is too large. Copies. [any thread]
int lh_links_send(struct lh_links *links, uint32_t peer, enum lh_class class, uint8_t type,
                  struct lh_bytes body);
int lh_links_send_parts(struct lh_links *links, uint32_t peer, enum lh_class class, uint8_t type,
                        const struct lh_parts *parts);
size_t lh_links_queued(const struct lh_links *links, uint32_t peer,
                       enum lh_class class);  // [any thread]
// Seals and sends a datagram to a peer that has or had a link, or to whom `address` says (may be
// NULL).
int lh_links_datagram(struct lh_links *links, uint32_t peer, const struct lh_addr *address,
                      struct lh_bytes body);

// What was dropped and why, since the start.
struct lh_links_counters {
  uint64_t frames_in, frames_out, bytes_in, bytes_out;
  uint64_t datagrams_in, datagrams_out, datagram_bytes_in, datagram_bytes_out;
  uint64_t connections;  // dialled and accepted
  uint64_t bad_seal, replayed, unknown_key, malformed, too_big, refused, handshake_failed,
      half_open_full, data_full,
      overflows;  // links closed because a queue that may not lose anything was full
};
void lh_links_counters(const struct lh_links *links, struct lh_links_counters *out);

#endif
