#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t lh_hash(const void *data, size_t len, uint64_t seed) {
  return XXH3_64bits_withSeed(data, len, seed);
}

static uint64_t finish(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

uint64_t lh_hash_mix(uint64_t a, uint64_t b) {
  return finish(a ^ finish(b + UINT64_C(0x9e3779b97f4a7c15)));
}

uint64_t lh_random_next(struct lh_random *random) {
  random->state += UINT64_C(0x9e3779b97f4a7c15);
  return finish(random->state);
}

uint64_t lh_random_below(struct lh_random *random, uint64_t bound) {
  return bound > 0 ? lh_random_next(random) % bound : 0;
}
