// hub_conflict.h - on_conflict hooks in the simulation behind spec/c/hub.c. Included by
// hub_actors.h.
#ifndef LH_SPEC_HUB_CONFLICT_H
#define LH_SPEC_HUB_CONFLICT_H

#include <string.h>

#include "wire/wire.h"

// What the hook of every node says: nothing since there is none; keep the first or the second of
// the sides; a state that is the sum of both; or now this and now that, raising and silence too.
enum on_conflict { CONFLICT_NO_HOOK, CONFLICT_FIRST, CONFLICT_SECOND, CONFLICT_SUM, CONFLICT_ANY };

static inline int64_t read_state(struct lh_reader *side) {
  int64_t state = 0;
  const uint32_t fields = lh_read_map(side, 16);
  for (uint32_t i = 0; i < fields && side->err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(side, 64);
    if (lh_bytes_equal(key, lh_bytes_str("state")))
      state = lh_read_int(side);
    else
      (void)lh_read_skip(side);
  }
  return state;
}

static inline int64_t sum_of_states(struct lh_bytes args) {
  struct lh_reader in;
  int64_t sum = 0;
  lh_reader_init_user(&in, args);
  (void)lh_read_skip(&in);  // the hub
  const uint32_t fields = lh_read_map(&in, 16);
  for (uint32_t i = 0; i < fields && in.err == LH_OK; i++) {
    if (!lh_bytes_equal(lh_read_str(&in, 64), lh_bytes_str("sides"))) {
      (void)lh_read_skip(&in);
      continue;
    }
    const uint32_t sides = lh_read_array(&in, 2);
    for (uint32_t k = 0; k < sides; k++) sum += read_state(&in);
  }
  return sum;
}

static inline void answer_conflict(enum on_conflict how, struct lh_bytes args, struct lh_buf *out) {
  lh_write_map(out, 1);
  lh_write_cstr(out, how == CONFLICT_SUM ? "state" : "keep");
  if (how == CONFLICT_SUM)
    lh_write_int(out, sum_of_states(args));
  else
    lh_write_uint(out, how == CONFLICT_SECOND ? 2 : 1);
}

#endif
