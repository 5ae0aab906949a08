#include "registry/internal.h"

#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/mem.h"

void lh_chain_open(struct lh_registry *registry, const uint8_t key[32]) {
  memcpy(registry->key, key, sizeof registry->key);
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  lh_crypto_must(mac != NULL, "HMAC");
  EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
  EVP_MAC_free(mac);
  char sha256[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", sha256, 0),
                               OSSL_PARAM_construct_end()};
  lh_crypto_must(context != NULL && EVP_MAC_init(context, key, 32, params) == 1,
                 "a key for HMAC-SHA-256");
  registry->mac = context;
}

void lh_chain_close(struct lh_registry *registry) {
  EVP_MAC_CTX_free(registry->mac);
  OPENSSL_cleanse(registry->key, sizeof registry->key);
}

struct lh_chain lh_chain_next(const struct lh_registry *registry, char label,
                              const struct lh_chain *before, struct lh_bytes data) {
  EVP_MAC_CTX *context = registry->mac;
  uint8_t full[32];
  size_t len = 0;
  lh_crypto_must(EVP_MAC_init(context, registry->key, sizeof registry->key, NULL) == 1 &&
                     EVP_MAC_update(context, (const uint8_t *)&label, 1) == 1 &&
                     EVP_MAC_update(context, before->bytes, sizeof before->bytes) == 1 &&
                     EVP_MAC_update(context, data.data, data.len) == 1 &&
                     EVP_MAC_final(context, full, &len, sizeof full) == 1 && len == sizeof full,
                 "HMAC-SHA-256");
  struct lh_chain next;
  memcpy(next.bytes, full, sizeof next.bytes);
  return next;
}

struct lh_chain lh_chain_read(struct lh_reader *reader) {
  struct lh_chain chain = {{0}};
  const struct lh_bytes bytes = lh_read_bin(reader, LH_CHAIN_SIZE);
  if (bytes.len == LH_CHAIN_SIZE)
    memcpy(chain.bytes, bytes.data, LH_CHAIN_SIZE);
  else
    lh_read_fail(reader, LH_EFORMAT);
  return chain;
}
