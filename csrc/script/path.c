// path.c - where in a value a walk stands. See path.h.
#include "script/path.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_SHOWN = 40, PATH_MAX_SHOWN = 256, STEPS_SHOWN = 3 };

static bool is_name(const struct script_key *key) {
  if (key->len == 0 || key->len > NAME_MAX_SHOWN) return false;
  if (isdigit((unsigned char)key->as.string[0])) return false;
  for (size_t i = 0; i < key->len; i++) {
    if (!isalnum((unsigned char)key->as.string[i]) && key->as.string[i] != '_') return false;
  }
  return true;
}

static size_t append_string(char *text, size_t size, const struct script_key *key) {
  if (is_name(key)) return (size_t)snprintf(text, size, ".%s", key->as.string);
  char shown[NAME_MAX_SHOWN + 1];
  const size_t len = key->len < NAME_MAX_SHOWN ? key->len : NAME_MAX_SHOWN;
  for (size_t i = 0; i < len; i++) {
    shown[i] = isprint((unsigned char)key->as.string[i]) ? key->as.string[i] : '?';
  }
  shown[len] = '\0';
  return (size_t)snprintf(text, size, "[\"%s\"%s]", shown, len < key->len ? "..." : "");
}

static size_t append_key(char *text, size_t size, const struct script_key *key) {
  switch (key->kind) {
  case KEY_STRING:
    return append_string(text, size, key);
  case KEY_INTEGER:
    return (size_t)snprintf(text, size, "[%" PRId64 "]", (int64_t)key->as.integer);
  case KEY_FLOAT:
    return (size_t)snprintf(text, size, "[%.14g]", key->as.number);
  case KEY_BOOLEAN:
    return (size_t)snprintf(text, size, "[%s]", key->as.boolean ? "true" : "false");
  case KEY_PID:
    break;
  }
  return (size_t)snprintf(text, size, "[pid]");
}

static void write_path(const struct script_path *path, char *text, size_t size) {
  size_t len = (size_t)snprintf(text, size, "message");
  for (uint32_t i = 0; i < path->depth && len < size; i++) {
    len += append_key(text + len, size - len, &path->keys[i]);
  }
}

int lh_script_path_fail(const struct script_path *path, struct lh_error *error, int code,
                        const char *format, ...) {
  char where[PATH_MAX_SHOWN];
  char what[PATH_MAX_SHOWN];
  if (error == NULL) return code;
  write_path(path, where, sizeof where);
  va_list args;
  va_start(args, format);
  (void)vsnprintf(what, sizeof what, format, args);
  va_end(args);
  return lh_fail(error, code, "%s: %s", where, what);
}

int lh_script_path_refuse(const struct script_path *path, struct lh_error *error, lua_State *L,
                          int index) {
  const int type = lua_type(L, index);
  const char *name = type == LUA_TTHREAD ? "coroutine" : lua_typename(L, type);
  return lh_script_path_fail(path, error, LH_EINVAL, "a %s cannot be sent", name);
}

// Only a value that is too deep can be a cycle, so the search costs nothing before.
static bool is_open(const struct script_path *path, const void *table) {
  for (uint32_t i = 0; i < path->depth; i++) {
    if (path->tables[i] == table) return true;
  }
  return false;
}

// A path of its own depth would be long and say little: name the first steps only.
int lh_script_path_enter(struct script_path *path, lua_State *L, int index,
                         struct lh_error *error) {
  const void *table = lua_topointer(L, index);
  if (path->depth < LH_WIRE_DEPTH_USER) {
    path->tables[path->depth++] = table;
    return 0;
  }
  struct script_path shown = *path;
  if (!is_open(path, table)) {
    shown.depth = STEPS_SHOWN;
    return lh_script_path_fail(&shown, error, LH_ELIMIT,
                               "tables nested deeper than %d cannot be sent", LH_WIRE_DEPTH_USER);
  }
  shown.depth = 0;
  while (path->tables[shown.depth] != table) shown.depth++;
  return lh_script_path_fail(&shown, error, LH_EINVAL,
                             "a table that contains itself cannot be sent");
}
