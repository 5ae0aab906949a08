// secret.c - the cluster's secret as bytes and as one line of text, and the keys that are made from
// it.
//
//   luahub1-<58 letters of base32: 32 bytes of secret, 4 bytes of checksum>
//
// The checksum finds typing and copying errors; it protects nothing. Nothing here is kept: callers
// own the bytes and wipe them. Any thread.
#include "link/openssl.h"

#include "link/link.h"

#include <string.h>

#include "link/keys.h"

#define PREFIX "luahub1-"

enum { SECRET_BYTES = 32, CHECK_BYTES = 4, RAW_BYTES = SECRET_BYTES + CHECK_BYTES, LETTERS = 58 };

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static void checksum(const uint8_t secret[SECRET_BYTES], uint8_t out[CHECK_BYTES]) {
  uint8_t input[sizeof PREFIX - 1 + SECRET_BYTES];
  uint8_t digest[SHA256_DIGEST_LENGTH];
  memcpy(input, PREFIX, sizeof PREFIX - 1);
  memcpy(input + sizeof PREFIX - 1, secret, SECRET_BYTES);
  (void)SHA256(input, sizeof input, digest);
  memcpy(out, digest, CHECK_BYTES);
  OPENSSL_cleanse(input, sizeof input);
  OPENSSL_cleanse(digest, sizeof digest);
}

void lh_secret_format(const struct lh_secret *secret, char *out) {
  uint8_t raw[RAW_BYTES];
  memcpy(raw, secret->bytes, SECRET_BYTES);
  checksum(secret->bytes, raw + SECRET_BYTES);
  memcpy(out, PREFIX, sizeof PREFIX - 1);
  char *at = out + sizeof PREFIX - 1;
  uint32_t bits = 0;
  unsigned held = 0;
  for (size_t i = 0; i < RAW_BYTES; i++) {
    bits = bits << 8 | raw[i];
    for (held += 8; held >= 5; held -= 5) *at++ = alphabet[bits >> (held - 5) & 31];
  }
  *at++ = alphabet[bits << (5 - held) & 31];
  *at = '\0';
  OPENSSL_cleanse(raw, sizeof raw);
}

static int letter_value(char letter) {
  if (letter >= 'a' && letter <= 'z') return letter - 'a';
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  if (letter >= '2' && letter <= '7') return letter - '2' + 26;
  return -1;
}

// Answers the position of the first letter that is not base32, or -1.
static int decode(const char *text, uint8_t raw[RAW_BYTES]) {
  uint32_t bits = 0;
  unsigned held = 0;
  size_t made = 0;
  for (int i = 0; i < LETTERS; i++) {
    const int value = letter_value(text[i]);
    if (value < 0) return i;
    bits = bits << 5 | (uint32_t)value;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    raw[made++] = (uint8_t)(bits >> held);
  }
  return (bits & ((1U << held) - 1)) == 0 ? -1 : LETTERS - 1;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static int parse_letters(struct lh_secret *secret, const char *text, struct lh_error *error) {
  uint8_t raw[RAW_BYTES] = {0};
  uint8_t expected[CHECK_BYTES];
  const int wrong = decode(text, raw);
  checksum(raw, expected);
  const bool same = wrong < 0 && CRYPTO_memcmp(expected, raw + SECRET_BYTES, CHECK_BYTES) == 0;
  if (same) memcpy(secret->bytes, raw, SECRET_BYTES);
  OPENSSL_cleanse(raw, sizeof raw);
  if (same) return 0;
  if (wrong >= 0) {
    return lh_fail(error, LH_EINVAL, "secret: letter %d after '" PREFIX "' is not base32",
                   wrong + 1);
  }
  return lh_fail(error, LH_EINVAL, "secret: the checksum is wrong; was it copied whole?");
}

int lh_secret_parse(struct lh_secret *secret, const char *text, struct lh_error *error) {
  while (is_space(*text)) text++;
  size_t len = strlen(text);
  while (len > 0 && is_space(text[len - 1])) len--;
  const size_t prefix = sizeof PREFIX - 1;
  if (len < prefix || strncmp(text, PREFIX, prefix) != 0) {
    return lh_fail(error, LH_EINVAL, "secret: it does not begin with '" PREFIX "'");
  }
  if (len - prefix != LETTERS) {
    return lh_fail(error, LH_EINVAL, "secret: %zu letters after '" PREFIX "', expected %d",
                   len - prefix, LETTERS);
  }
  return parse_letters(secret, text + prefix, error);
}

void lh_secret_generate(struct lh_secret *secret) {
  lh_crypto_must(RAND_priv_bytes(secret->bytes, sizeof secret->bytes) == 1, "random bytes");
}

void lh_hkdf(struct lh_bytes key, struct lh_bytes salt, struct lh_bytes info, uint8_t out[32]) {
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
  EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key.data, key.len),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.data,
                                        salt.len),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.data,
                                        info.len),
      OSSL_PARAM_construct_end(),
  };
  lh_crypto_must(ctx != NULL && EVP_KDF_derive(ctx, out, 32, params) == 1, "HKDF");
  EVP_KDF_CTX_free(ctx);
  EVP_KDF_free(kdf);
}

void lh_secret_derive(const struct lh_secret *secret, const char *label, uint8_t out[32]) {
  static const char salt[] = "luahub/1";
  lh_hkdf(lh_bytes(secret->bytes, sizeof secret->bytes), lh_bytes(salt, sizeof salt - 1),
          lh_bytes_str(label), out);
}

void lh_digest(const uint8_t key[32], struct lh_bytes data, uint8_t out[16]) {
  static const uint8_t nothing = 0;
  uint8_t full[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  const uint8_t *bytes = data.data != NULL ? data.data : &nothing;
  lh_crypto_must(HMAC(EVP_sha256(), key, 32, bytes, data.len, full, &len) != NULL, "HMAC");
  memcpy(out, full, 16);
  OPENSSL_cleanse(full, sizeof full);
}

void lh_cluster_keys_derive(struct lh_cluster_keys *keys, const struct lh_secret *secret,
                            const char *cluster) {
  uint8_t base[32];
  uint8_t id[16];
  lh_secret_derive(secret, "link", base);
  const struct lh_bytes key = lh_bytes(base, sizeof base);
  lh_hkdf(key, lh_bytes_str(cluster), lh_bytes_str("psk"), keys->psk);
  lh_hkdf(key, lh_bytes_str(cluster), lh_bytes_str("datagram"), keys->datagram);
  lh_digest(base, lh_bytes_str(cluster), keys->digest);
  lh_digest(keys->psk, lh_bytes_str("key id"), id);
  memcpy(keys->key_id, id, sizeof keys->key_id);
  OPENSSL_cleanse(base, sizeof base);
}
