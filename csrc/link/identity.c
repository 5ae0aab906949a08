// identity.c - the node's Ed25519 key pair, signatures, and the node id made from the public key.
//
// Owns nothing: the caller holds the key bytes and wipes them. Any thread.
#include "link/openssl.h"

#include "link/link.h"

#include <string.h>

#include "link/keys.h"

void lh_identity_id(const uint8_t public_key[32], struct lh_node_id *id) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  (void)SHA256(public_key, 32, digest);
  memcpy(id->bytes, digest, sizeof id->bytes);
}

int lh_identity_restore(struct lh_identity *identity, const uint8_t private_key[32]) {
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);
  if (key == NULL) return LH_EINVAL;
  size_t len = sizeof identity->public_key;
  const int ok = EVP_PKEY_get_raw_public_key(key, identity->public_key, &len);
  EVP_PKEY_free(key);
  if (ok != 1) return LH_EINVAL;
  memmove(identity->private_key, private_key, 32);
  lh_identity_id(identity->public_key, &identity->id);
  return 0;
}

void lh_identity_generate(struct lh_identity *identity, struct lh_env *env) {
  uint8_t seed[32];
  lh_env_random(env, seed, sizeof seed);
  lh_crypto_must(lh_identity_restore(identity, seed) == 0, "Ed25519 key");
  OPENSSL_cleanse(seed, sizeof seed);
}

void lh_identity_sign(const struct lh_identity *identity, struct lh_bytes data,
                      uint8_t signature[64]) {
  if (lh_signature_imitate(identity->public_key, data, signature)) return;
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, identity->private_key, 32);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  size_t len = 64;
  lh_crypto_must(key != NULL && ctx != NULL &&
                     EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
                     EVP_DigestSign(ctx, signature, &len, data.data, data.len) == 1,
                 "Ed25519 signature");
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(key);
  lh_signature_note(identity->public_key, data, signature, true);
}

static bool verify(const uint8_t public_key[32], struct lh_bytes data,
                   const uint8_t signature[64]) {
  EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  const bool good = key != NULL && ctx != NULL &&
                    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
                    EVP_DigestVerify(ctx, signature, 64, data.data, data.len) == 1;
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(key);
  return good;
}

bool lh_identity_verify(const uint8_t public_key[32], struct lh_bytes data,
                        const uint8_t signature[64]) {
  uint8_t expected[64];
  if (lh_signature_imitate(public_key, data, expected))
    return memcmp(expected, signature, sizeof expected) == 0;
  const bool *known = lh_signature_known(public_key, data, signature);
  if (known != NULL) return *known;
  const bool good = verify(public_key, data, signature);
  lh_signature_note(public_key, data, signature, good);
  return good;
}
