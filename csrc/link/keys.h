// keys.h - what the files of this room share to make keys. Private to csrc/link. Any thread.
#ifndef LH_LINK_KEYS_H
#define LH_LINK_KEYS_H

#include "base/mem.h"
#include "link/hello.h"

// HKDF-SHA-256 (RFC 5869): 32 bytes from `key`, bound to `salt` and `info`.
void lh_hkdf(struct lh_bytes key, struct lh_bytes salt, struct lh_bytes info, uint8_t out[32]);

// signatures.c: what is known of a signature; NULL when nothing is, or nobody keeps it.
const bool *lh_signature_known(const uint8_t public_key[32], struct lh_bytes data,
                               const uint8_t signature[64]);
void lh_signature_note(const uint8_t public_key[32], struct lh_bytes data,
                       const uint8_t signature[64], bool good);
// The imitated signature; false where signatures are real.
bool lh_signature_imitate(const uint8_t public_key[32], struct lh_bytes data,
                          uint8_t signature[64]);

// What one cluster's secret becomes: two clusters with one secret share no key.
struct lh_cluster_keys {
  uint8_t psk[32];
  uint8_t datagram[32];
  uint8_t digest[16];               // names the cluster to those who know the secret
  uint8_t key_id[LH_KEY_ID_BYTES];  // names the key to anybody
};
void lh_cluster_keys_derive(struct lh_cluster_keys *keys, const struct lh_secret *secret,
                            const char *cluster);

#endif
