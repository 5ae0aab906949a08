// signatures.c - signatures in a process of many simulated nodes. A real node has nothing of this.
//
// What was made or verified on this thread is remembered, so that each record is verified once
// instead of once a node. Exact: the key, the data and the signature are compared whole, so an
// answer from here is the one that verifying would give. Or signatures are imitated: as long and as
// hard to mistake for another's, cheap, and no secret is in them - for histories in which nobody
// forges.
//
// Owns copies of all three. One table a thread at a time, which lh_signatures_free forgets.
#include "link/link.h"

#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "link/keys.h"

enum { KNOWN_MAX = 8192, KEY_BYTES = 32, SIGNATURE_BYTES = 64 };

struct lh_signatures {
  bool imitates;
  struct lh_map known;  // key, signature, data -> GOOD or BAD
  struct lh_buf scratch;
};

static char GOOD, BAD;

static _Thread_local struct lh_signatures *current;

struct lh_signatures *lh_signatures_new(bool imitates) {
  current = LH_NEW(struct lh_signatures);
  current->imitates = imitates;
  return current;
}

void lh_signatures_free(struct lh_signatures *signatures) {
  if (current == signatures) current = NULL;
  lh_map_free(&signatures->known);
  lh_buf_free(&signatures->scratch);
  lh_free(signatures);
}

static struct lh_bytes join(const uint8_t public_key[32], struct lh_bytes data,
                            const uint8_t signature[64]) {
  struct lh_buf *out = &current->scratch;
  lh_buf_clear(out);
  lh_buf_append(out, public_key, KEY_BYTES);
  lh_buf_append(out, signature, SIGNATURE_BYTES);
  lh_buf_append(out, data.data, data.len);
  return lh_bytes_of(out);
}

const bool *lh_signature_known(const uint8_t public_key[32], struct lh_bytes data,
                               const uint8_t signature[64]) {
  static const bool yes = true;
  static const bool no = false;
  if (current == NULL) return NULL;
  const struct lh_bytes key = join(public_key, data, signature);
  const void *found = lh_map_get(&current->known, key.data, key.len);
  if (found == NULL) return NULL;
  return found == &GOOD ? &yes : &no;
}

void lh_signature_note(const uint8_t public_key[32], struct lh_bytes data,
                       const uint8_t signature[64], bool good) {
  if (current == NULL) return;
  if (current->known.count >= KNOWN_MAX) lh_map_free(&current->known);
  const struct lh_bytes key = join(public_key, data, signature);
  (void)lh_map_put(&current->known, key.data, key.len, good ? &GOOD : &BAD);
}

bool lh_signature_imitate(const uint8_t public_key[32], struct lh_bytes data,
                          uint8_t signature[64]) {
  if (current == NULL || !current->imitates) return false;
  struct lh_random random = {lh_hash(public_key, KEY_BYTES, lh_hash(data.data, data.len, 0))};
  for (size_t i = 0; i < SIGNATURE_BYTES / sizeof(uint64_t); i++) {
    const uint64_t word = lh_random_next(&random);
    memcpy(signature + i * sizeof word, &word, sizeof word);
  }
  return true;
}
