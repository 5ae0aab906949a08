// state.c - opening, adopting and closing Lua states.
//
// A state of ours owns its record (struct script_state), freed by lh_script_close; an adopted state
// keeps its record in a userdata of its registry, freed with the state. Thread: the one that uses
// the state.
#include "script/internal.h"

#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

_Static_assert(sizeof(void *) == sizeof(lh_pid), "a pid is one light userdata");
_Static_assert(_Alignof(struct script_state) > MARKS,
               "the marks live in the low bits of its address");

static const char STATE_KEY = 0;

// Counts, and refuses past the limit. Shrinking and freeing never fail.
static void *allocate(void *data, void *memory, size_t old_size, size_t size) {
  struct script_state *state = data;
  const size_t old = memory == NULL ? 0 : old_size;
  const size_t used = atomic_load_explicit(&state->memory, memory_order_relaxed) - old;
  void *result = NULL;
  if (size == 0) {
    lh_free(memory);
  } else {
    if (size > old && state->memory_max != 0 && used + size > state->memory_max) {
      if (state->memory_refused != NULL) atomic_fetch_add(state->memory_refused, 1);
      return NULL;
    }
    result = lh_try_realloc(memory, size);
    if (result == NULL) return NULL;
  }
  atomic_store_explicit(&state->memory, used + size, memory_order_relaxed);
  return result;
}

void lh_script_state_init(struct script_state *state) {
  memset(state, 0, sizeof *state);
  pthread_mutex_init(&state->lock, NULL);
}

void lh_script_state_drop(struct script_state *state) { pthread_mutex_destroy(&state->lock); }

struct script_state *lh_script_state(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &STATE_KEY);
  struct script_state *state = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

void lh_script_register(lua_State *L, struct script_state *state) {
  lua_pushlightuserdata(L, state);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &STATE_KEY);
  lh_script_open_pids(L);
  lh_script_open_errors(L);
}

// Puts `more` in front of package[field].
static void put_in_front(lua_State *L, const char *field, const char *more) {
  if (more == NULL || *more == '\0') return;
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, field);
  lua_pushfstring(L, "%s;%s", more, lua_tostring(L, -1));
  lua_setfield(L, -3, field);
  lua_pop(L, 2);
}

static void preload_core(lua_State *L, lua_CFunction open_core) {
  if (open_core == NULL) return;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open_core);
  lua_setfield(L, -2, "luahub.core");
  lua_pop(L, 1);
}

static void open_libraries(lua_State *L, void *data) {
  const struct lh_script_config *config = data;
  luaL_openlibs(L);
  lh_script_register(L, script_state_own(L));
  put_in_front(L, "path", config->path);
  put_in_front(L, "cpath", config->cpath);
  preload_core(L, config->open_core);
  lh_script_open_loader(L);
  lh_script_open_coroutines(L);
}

lua_State *lh_script_open(const struct lh_script_config *config, void *owner,
                          struct lh_error *error) {
  struct script_state *state = LH_NEW(struct script_state);
  lh_script_state_init(state);
  state->owner = owner;
  state->runs = config->runs;
  state->memory_max = config->memory_max;
  state->memory_refused = config->memory_refused;
  lua_State *L = lua_newstate(allocate, state);
  if (L == NULL) {
    lh_script_state_drop(state);
    lh_free(state);
    lh_fail(error, LH_ENOMEM, "no memory for a Lua state (limit %zu bytes)", config->memory_max);
    return NULL;
  }
  state->main = L;
  script_extra_set(L, (uintptr_t)state);
  if (lh_script_guard(L, open_libraries, (void *)config, error) < 0) {
    lh_script_close(L);
    return NULL;
  }
  return L;
}

void lh_script_close(lua_State *L) {
  struct script_state *state = script_state_own(L);
  lua_close(state->main);
  lh_script_state_drop(state);
  lh_free(state);
}

void *lh_script_owner(lua_State *L) { return script_state_own(L)->owner; }

size_t lh_script_memory(lua_State *L) {
  return atomic_load_explicit(&script_state_own(L)->memory, memory_order_relaxed);
}

void lh_script_preempt_every(lua_State *L, int instructions) {
  script_state_own(L)->every = instructions;
}
