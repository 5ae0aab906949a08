// path.h - where in a value a walk stands, for its error texts ("message.items[3].fn").
//
// A walk over Lua values is recursive, but never deeper than LH_WIRE_DEPTH_USER tables; the path
// has a key for each of them. It owns nothing.
#ifndef LH_SCRIPT_PATH_H
#define LH_SCRIPT_PATH_H

#include "base/err.h"
#include "script/key.h"
#include "wire/wire.h"

struct script_path {
  uint32_t depth;  // tables that are open
  struct script_key keys[LH_WIRE_DEPTH_USER];
  const void *tables[LH_WIRE_DEPTH_USER];
};

// Opens the table at `index`: 0, LH_ELIMIT when that would be one too many, LH_EINVAL when it is
// open already.
int lh_script_path_enter(struct script_path *path, lua_State *L, int index, struct lh_error *error);
static inline void script_path_leave(struct script_path *path) { path->depth--; }
// The key that is looked at in the innermost table.
static inline struct script_key *script_path_key(struct script_path *path) {
  return &path->keys[path->depth - 1];
}
// Fills `error` with the path and what is wrong there; answers `code`.
int lh_script_path_fail(const struct script_path *path, struct lh_error *error, int code,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
// The same for the value at `index`, whose type cannot travel.
int lh_script_path_refuse(const struct script_path *path, struct lh_error *error, lua_State *L,
                          int index);

#endif
