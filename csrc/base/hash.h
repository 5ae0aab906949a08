// hash.h - fast hashing inside one process (xxHash) and the mixing that placement uses.
//
// Not for digests that nodes compare with each other: those are keyed and live with the registry.
#ifndef LH_BASE_HASH_H
#define LH_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t lh_hash(const void *data, size_t len, uint64_t seed);
uint64_t lh_hash_mix(uint64_t a,
                     uint64_t b);  // a 64-bit mix of two hashes, the same on every machine

// SplitMix64 (Steele, Lea, Flood 2014): a small seeded generator for decisions that a seed must
// replay.
struct lh_random {
  uint64_t state;
};
uint64_t lh_random_next(struct lh_random *random);
uint64_t lh_random_below(struct lh_random *random,
                         uint64_t bound);  // [0, bound); 0 when bound is 0

#endif
