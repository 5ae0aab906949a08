// key.c - the order of table keys, the same on every node and in every run.
#include "script/key.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "script/script.h"

bool lh_script_key_read(lua_State *L, int index, struct script_key *key) {
  key->draw = 0;
  switch (lua_type(L, index)) {
  case LUA_TSTRING:
    key->kind = KEY_STRING;
    key->as.string = lua_tolstring(L, index, &key->len);
    return true;
  case LUA_TNUMBER:
    key->kind = lua_isinteger(L, index) ? KEY_INTEGER : KEY_FLOAT;
    if (key->kind == KEY_INTEGER) {
      key->as.integer = lua_tointeger(L, index);
    } else {
      key->as.number = lua_tonumber(L, index);
    }
    return true;
  case LUA_TBOOLEAN:
    key->kind = KEY_BOOLEAN;
    key->as.boolean = lua_toboolean(L, index);
    return true;
  case LUA_TLIGHTUSERDATA:
    key->kind = KEY_PID;
    key->as.pid = lh_script_to_pid(L, index);
    return key->as.pid != 0;
  default:
    return false;
  }
}

// A float key is never a whole number that an integer can hold (Lua stores that as an integer), so
// the two are never equal.
static int compare_mixed(lua_Integer integer, lua_Number number) {
  if (number >= 0x1p63) return -1;
  if (number < -0x1p63) return 1;
  return integer <= (lua_Integer)floor(number) ? -1 : 1;
}

static int compare_numbers(const struct script_key *a, const struct script_key *b) {
  if (a->kind == KEY_INTEGER && b->kind == KEY_INTEGER) {
    return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
  }
  if (a->kind == KEY_INTEGER) return compare_mixed(a->as.integer, b->as.number);
  if (b->kind == KEY_INTEGER) return -compare_mixed(b->as.integer, a->as.number);
  return (a->as.number > b->as.number) - (a->as.number < b->as.number);
}

static int compare_strings(const struct script_key *a, const struct script_key *b) {
  const size_t shorter = a->len < b->len ? a->len : b->len;
  const int order = memcmp(a->as.string, b->as.string, shorter);
  return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_pids(lh_pid a, lh_pid b, const struct lh_runs *runs) {
  const struct lh_run *run_a = runs == NULL ? NULL : lh_runs_at(runs, lh_pid_node(a));
  const struct lh_run *run_b = runs == NULL ? NULL : lh_runs_at(runs, lh_pid_node(b));
  if (run_a == NULL || run_b == NULL || run_a == run_b) return (a > b) - (a < b);
  const int order = lh_node_id_compare(&run_a->id, &run_b->id);
  return order != 0 ? order : (run_a->epoch > run_b->epoch) - (run_a->epoch < run_b->epoch);
}

static uint64_t hash_pid(lh_pid pid, const struct lh_runs *runs) {
  const struct lh_run *run = runs == NULL ? NULL : lh_runs_at(runs, lh_pid_node(pid));
  if (run == NULL) return lh_hash(&pid, sizeof pid, 0);
  return lh_hash_mix(lh_hash(run->id.bytes, sizeof run->id.bytes, run->epoch), lh_pid_local(pid));
}

void lh_script_key_draw(struct script_key *key, uint64_t seed, const struct lh_runs *runs) {
  uint64_t hash = 0;
  switch (key->kind) {
  case KEY_STRING:
    hash = lh_hash(key->as.string, key->len, 0);
    break;
  case KEY_PID:
    hash = hash_pid(key->as.pid, runs);
    break;
  case KEY_BOOLEAN:
    hash = key->as.boolean;
    break;
  default:
    hash = lh_hash(&key->as, sizeof(lua_Integer), (uint64_t)key->kind);
  }
  key->draw = lh_hash_mix(seed, hash);
}

static int rank(enum script_key_kind kind) { return kind == KEY_FLOAT ? KEY_INTEGER : (int)kind; }

int lh_script_key_compare(const struct script_key *a, const struct script_key *b,
                          const struct lh_runs *runs) {
  if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
  if (rank(a->kind) != rank(b->kind)) return rank(a->kind) - rank(b->kind);
  switch (a->kind) {
  case KEY_STRING:
    return compare_strings(a, b);
  case KEY_PID:
    return compare_pids(a->as.pid, b->as.pid, runs);
  case KEY_BOOLEAN:
    return (int)a->as.boolean - (int)b->as.boolean;
  default:
    return compare_numbers(a, b);
  }
}
