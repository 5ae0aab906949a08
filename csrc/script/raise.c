// raise.c - making another thread's Lua raise, and the states that are not ours.
//
// A request is left in the state's record; the hook of the thread that runs the state finds it. To
// get there soon the thread is signalled (SIGURG, ignored where nobody installed a handler), which
// is safe because a thread does not leave the state while `signalled` is set. Adopted states have
// no extra space of ours and are found in a list; there are few.
#include "script/internal.h"

#include <stdio.h>

static pthread_mutex_t adopted_lock = PTHREAD_MUTEX_INITIALIZER;
static struct script_state *adopted;

static struct script_state *find_adopted(const lua_State *L) {
  pthread_mutex_lock(&adopted_lock);
  struct script_state *state = adopted;
  while (state != NULL && state->main != L) state = state->next_adopted;
  pthread_mutex_unlock(&adopted_lock);
  return state;
}

static int forget_adopted(lua_State *L) {
  struct script_state *state = lua_touserdata(L, 1);
  pthread_mutex_lock(&adopted_lock);
  for (struct script_state **at = &adopted; *at != NULL; at = &(*at)->next_adopted) {
    if (*at != state) continue;
    *at = state->next_adopted;
    break;
  }
  pthread_mutex_unlock(&adopted_lock);
  lh_script_state_drop(state);
  return 0;
}

void lh_script_adopt(lua_State *L, const struct lh_runs *runs) {
  luaL_checkstack(L, 4, NULL);
  if (lh_script_state(L) != NULL) return;
  struct script_state *state = lua_newuserdatauv(L, sizeof *state, 0);
  lh_script_state_init(state);
  state->runs = runs;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, forget_adopted);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  luaL_ref(L, LUA_REGISTRYINDEX);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  state->main = lua_tothread(L, -1);
  lua_pop(L, 1);
  lh_script_register(L, state);
  pthread_mutex_lock(&adopted_lock);
  state->next_adopted = adopted;
  adopted = state;
  pthread_mutex_unlock(&adopted_lock);
}

void lh_script_set_runs(lua_State *L, const struct lh_runs *runs) {
  struct script_state *state = lh_script_state(L);
  if (state != NULL) state->runs = runs;
}

static struct script_state *state_from_outside(lua_State *L) {
  struct script_state *state = find_adopted(L);
  return state != NULL ? state : script_state_own(L);
}

void lh_script_raise_in(lua_State *L, const char *message, bool persistent) {
  struct script_state *state = state_from_outside(L);
  pthread_mutex_lock(&state->lock);
  (void)snprintf(state->raise_message, sizeof state->raise_message, "%s", message);
  state->raise_target = L;
  atomic_store(&state->raise, persistent ? RAISE_PERSISTENT : RAISE_ONCE);
  atomic_store(&state->signalled, true);
  if (atomic_load(&state->inside)) pthread_kill(state->thread, SIGURG);
  atomic_store(&state->signalled, false);
  pthread_mutex_unlock(&state->lock);
}

void lh_script_raise_cancel(lua_State *L) {
  struct script_state *state = state_from_outside(L);
  pthread_mutex_lock(&state->lock);
  atomic_store(&state->raise, RAISE_NONE);
  pthread_mutex_unlock(&state->lock);
}
