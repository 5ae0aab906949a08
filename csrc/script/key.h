// key.h - table keys as C values: read, compared, sorted, named. Strings stay owned by the table.
#ifndef LH_SCRIPT_KEY_H
#define LH_SCRIPT_KEY_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/id.h"
#include "wire/runs.h"

// In the order in which they stand: booleans, numbers by value, pids, strings by bytes.
enum script_key_kind { KEY_BOOLEAN, KEY_INTEGER, KEY_FLOAT, KEY_PID, KEY_STRING };

struct script_key {
  enum script_key_kind kind;
  union {
    bool boolean;
    lua_Integer integer;
    lua_Number number;
    lh_pid pid;
    const char *string;
  } as;
  size_t len;     // of a string
  uint64_t draw;  // lh_script_key_draw's; keys are in order of it first
};

// The key at `index`; false for what has no order (tables, functions, userdata, coroutines).
bool lh_script_key_read(lua_State *L, int index, struct script_key *key);
// What decides about its order under `seed`, the same on every node; a new key has 0.
void lh_script_key_draw(struct script_key *key, uint64_t seed, const struct lh_runs *runs);
// Pids compare by node id, epoch and number, so that every node agrees.
int lh_script_key_compare(const struct script_key *a, const struct script_key *b,
                          const struct lh_runs *runs);

#endif
