// tls.h - TLS 1.3 with the cluster's key as external PSK, and nothing else. Private to csrc/link.
//
// No certificates, no tickets, no early data, one ciphersuite, always with a fresh Diffie-Hellman:
// whoever lacks the key fails the handshake, and who learns it later cannot read what was recorded.
// The peer is proven only when lh_tls_is_proven says so after the handshake.
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
// A session that reads and writes `pipe`, which must live longer and be its alone. Reading when
// nothing is left means "try again".
SSL *lh_tls_open(struct lh_tls *tls, bool dialled, struct lh_pipe *pipe);
// AES-256-GCM of the same library context: fetched once, and no second copy of all algorithms.
const EVP_CIPHER *lh_tls_cipher(const struct lh_tls *tls);
bool lh_tls_is_proven(SSL *ssl);
// `out` is cut from the session's exporter; both ends get the same bytes.
bool lh_tls_export(SSL *ssl, uint8_t *out, size_t len);
// One line about what went wrong in this thread's last call, for a person.
const char *lh_tls_reason(void);

#endif
