// tls.h - TLS 1.3 with the cluster's key as external PSK, and nothing else. Private to csrc/link.
//
// No certificates, no tickets, no early data, one ciphersuite, always with a fresh Diffie-Hellman:
// whoever lacks the key fails the handshake, and who learns it later cannot read what was recorded.
// Where the environment imitates (simulations only), sessions are imitations: imitation.c.
#ifndef LH_LINK_TLS_H
#define LH_LINK_TLS_H

#include "link/openssl.h"

#include <stdbool.h>
#include <stdint.h>

#include "link/hello.h"

struct lh_tls;

// What a session is connected to. Nothing is copied on the way in: `in` is whatever slice came
// last.
struct lh_pipe {
  struct lh_bytes in;  // ciphertext not read yet; not owned
  struct lh_buf out;   // ciphertext to be sent
};

// `env` gives the random bytes and must live longer. `psk` is copied. The key id is public: it goes
// over the wire in clear.
struct lh_tls *lh_tls_new(struct lh_env *env, const uint8_t psk[32],
                          const uint8_t key_id[LH_KEY_ID_BYTES]);
void lh_tls_free(struct lh_tls *tls);
// AES-256-GCM of the same library context: fetched once, and no second copy of all algorithms.
const EVP_CIPHER *lh_tls_cipher(const struct lh_tls *tls);

// A session that reads and writes `pipe`, which must live longer and be its alone.
struct lh_session;
struct lh_session *lh_session_new(struct lh_tls *tls, bool dialled, struct lh_pipe *pipe);
void lh_session_free(struct lh_session *session);
// Goes on with the handshake: 1 it is over and the peer proven; 0 more input is needed; LH_EDENIED
// the peer is none of the cluster, or what came is no handshake: `reason` says it in words.
int lh_session_shake(struct lh_session *session, const char **reason);
// Opens one record into `out`: its length; 0 no whole one is there; LH_ECLOSED the peer ended the
// session; LH_EFORMAT what came does not open. Takes no more of the input than that record.
int lh_session_read(struct lh_session *session, uint8_t *out, size_t cap);
bool lh_session_write(struct lh_session *session, struct lh_bytes record);
bool lh_session_holds_half(const struct lh_session *session);  // a part of a record waits
void lh_session_renew(struct lh_session *session);             // a new key for what is sent
// `out` is cut from the session's exporter, other bytes for each use; both ends get the same ones.
enum lh_export { LH_EXPORT_DGRAM, LH_EXPORT_DIALLER, LH_EXPORT_ACCEPTOR };
bool lh_session_export(struct lh_session *session, enum lh_export use, uint8_t *out, size_t len);

// What a kind of session can do: tls.c is one, imitation.c the other.
struct lh_session_ops {
  void (*free)(struct lh_session *session);
  int (*shake)(struct lh_session *session, const char **reason);
  int (*read)(struct lh_session *session, uint8_t *out, size_t cap);
  bool (*write)(struct lh_session *session, struct lh_bytes record);
  bool (*holds_half)(const struct lh_session *session);
  void (*renew)(struct lh_session *session);
  bool (*export)(struct lh_session *session, enum lh_export use, uint8_t *out, size_t len);
};
struct lh_session {
  const struct lh_session_ops *ops;
  struct lh_pipe *pipe;
  bool dialled;
};
// Of a simulated environment that imitates. `env` gives its random bytes.
struct lh_session *lh_imitation_new(struct lh_env *env, const uint8_t psk[32]);

#endif
