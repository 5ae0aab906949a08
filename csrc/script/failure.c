// failure.c - errors as Lua values, and any raised value as a text with a traceback.
#include "script/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ERROR_KEY = 0;

// --- error values ---
static int error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushliteral(L, "message");
  lua_rawget(L, 1);
  luaL_tolstring(L, -1, NULL);
  return 1;
}

void lh_script_open_errors(lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "luahub.error");
  lua_setfield(L, -2, "__name");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ERROR_KEY);
}

void lh_script_make_error(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ERROR_KEY);
  lua_setmetatable(L, -2);
}

bool lh_script_is_error(lua_State *L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ERROR_KEY);
  const bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

void lh_script_push_error(lua_State *L, const char *code, const char *message) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  lh_script_make_error(L);
}

int lh_script_fail(lua_State *L, const char *code, const char *format, ...) {
  char text[LH_ERROR_TEXT_MAX];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  lua_pushnil(L);
  lh_script_push_error(L, code, text);
  return 2;
}

int lh_script_fail_with(lua_State *L, const struct lh_error *error) {
  lua_pushnil(L);
  lh_script_push_error(L, error->code, error->text);
  return 2;
}

// --- raised values as text ---
struct description {
  lua_State *failed;
  int level;
  struct lh_error *error;
};

static void copy_code(lua_State *L, int index, struct lh_error *error) {
  if (!lh_script_is_error(L, index)) return;
  lua_getfield(L, index, "code");
  const char *code = lua_tostring(L, -1);
  if (code != NULL) (void)snprintf(error->code, sizeof error->code, "%s", code);
  lua_pop(L, 1);
}

// The message as lua.c words it: strings as they are, what has __tostring by that, the rest by its
// type.
static const char *push_message(lua_State *L, int index) {
  if (lh_script_is_exit(L, index)) return lua_pushliteral(L, "exit called outside a process");
  if (lua_type(L, index) == LUA_TSTRING || luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
    return luaL_tolstring(L, index, NULL);
  }
  return lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, index));
}

static int describe(lua_State *L) {
  const struct description *what = lua_touserdata(L, 2);
  copy_code(L, 1, what->error);
  const char *message = push_message(L, 1);
  (void)snprintf(what->error->text, sizeof what->error->text, "%s", message);
  luaL_traceback(L, what->failed, message, what->level);
  (void)snprintf(what->error->text, sizeof what->error->text, "%s", lua_tostring(L, -1));
  return 0;
}

// Lua says nothing else of a refused allocation; here the limit is known.
static void name_limit(lua_State *L, struct lh_error *error) {
  static const char plain[] = "not enough memory";
  const struct script_state *state = lh_script_state(L);
  const size_t len = sizeof plain - 1;
  char rest[LH_ERROR_TEXT_MAX];
  if (state == NULL || state->memory_max == 0 || strncmp(error->text, plain, len) != 0) return;
  const bool large = state->memory_max >= 1U << 20;
  (void)snprintf(rest, sizeof rest, "%s", error->text + len);
  (void)snprintf(error->text, sizeof error->text, "%s: its heap may hold %zu %s%.*s", plain,
                 state->memory_max >> (large ? 20 : 10), large ? "MiB" : "KiB",
                 (int)(sizeof error->text - 64), rest);
}

void lh_script_describe(lua_State *L, int index, lua_State *failed, int level,
                        struct lh_error *error) {
  if (error == NULL) return;
  (void)snprintf(error->code, sizeof error->code, "%s", lh_err_name(LH_EFAILED));
  error->text[0] = '\0';
  if (!lua_checkstack(L, 4)) {
    (void)snprintf(error->text, sizeof error->text, "stack overflow");
    return;
  }
  const int value = lua_absindex(L, index);
  struct description what = {.failed = failed, .level = level, .error = error};
  lua_pushcfunction(L, describe);
  lua_pushvalue(L, value);
  lua_pushlightuserdata(L, &what);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) {
    name_limit(L, error);
    return;
  }
  // Out of memory, or a __tostring that fails: say what can be said.
  const char *second = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error in __tostring";
  if (error->text[0] == '\0') {
    const bool text = lua_type(L, value) == LUA_TSTRING;
    (void)snprintf(error->text, sizeof error->text, "%s", text ? lua_tostring(L, value) : second);
  }
  lua_pop(L, 1);
  name_limit(L, error);
}
