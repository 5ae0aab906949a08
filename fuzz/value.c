// rooms: base wire script
// value.c (fuzz) - bytes from a peer to Lua values in a state with a memory limit, and back.
//
// Oracles: no crash; a refusal pushes nothing; what was decoded encodes, and that decodes and
// encodes to the same bytes (map pairs are put in order the first time); a copy encodes to the same
// bytes too. Needs liblua5.4, which the modules get from the interpreter that loads them.
#include <stdlib.h>
#include <string.h>

#include "script/script.h"
#include "wire/wire.h"

enum { MEMORY_MAX = 64 * 1024 * 1024 };

struct input {
  struct lh_bytes bytes;
  struct lh_runs *runs;
  struct lh_buf first, second;
};

static void require(bool holds) {
  if (!holds) abort();
}

static void encode_again(lua_State *L, struct input *input) {
  lh_buf_clear(&input->second);
  require(lh_value_encode(L, -1, &input->second, LH_WIRE_MESSAGE_MAX, input->runs, NULL) == 0);
  require(lh_bytes_equal(lh_bytes_of(&input->first), lh_bytes_of(&input->second)));
}

static void round_trip(lua_State *L, void *data) {
  struct input *input = data;
  const int count = lh_value_decode(L, input->bytes, 1, input->runs);
  require(lua_gettop(L) == (count < 0 ? 0 : 1));
  if (count < 0) return;
  require(lh_value_encode(L, 1, &input->first, LH_WIRE_MESSAGE_MAX, input->runs, NULL) == 0);
  require(lh_value_decode(L, lh_bytes_of(&input->first), 1, input->runs) == 1);
  encode_again(L, input);
  require(lh_value_copy(L, 1, NULL) == 0);
  encode_again(L, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// One state for all inputs, and one table of runs until it is nearly full of made-up nodes.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct lh_runs *runs;
  static lua_State *L;
  if (runs == NULL) runs = lh_runs_new();
  const struct lh_script_config config = {.memory_max = MEMORY_MAX, .runs = runs};
  if (L == NULL) L = lh_script_open(&config, NULL, NULL);
  struct input input = {.bytes = lh_bytes(data, size), .runs = runs};
  (void)lh_script_guard(L, round_trip, &input, NULL);
  lh_buf_free(&input.first);
  lh_buf_free(&input.second);
  const struct lh_run probe = {.epoch = size};
  if (lh_runs_index(runs, &probe) == 0 || lh_runs_index(runs, &probe) > LH_RUNS_MAX / 2) {
    lh_script_close(L);
    lh_runs_free(runs);
    L = NULL;
    runs = NULL;
  }
  return 0;
}
