// place.c - the built-in distributions from Lua, so that a placement can be tried out and
// explained.
#include "lua/internal.h"

#include "hub/hub.h"

static size_t list_length(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  return (size_t)luaL_len(L, arg);
}

static const char *text_at(lua_State *L, int arg, size_t index, size_t *len) {
  if (lua_geti(L, arg, (lua_Integer)index + 1) != LUA_TSTRING) {
    luaL_argerror(L, arg, "a list of strings expected");
  }
  const char *text = lua_tolstring(L, -1, len);
  lua_pop(L, 1);  // the table holds it
  return text;
}

// place("rendezvous" | "ring", ids, nodes) -> list of indexes into nodes
static int place(lua_State *L) {
  static const char *const kinds[] = {"rendezvous", "ring", NULL};
  const int kind = luaL_checkoption(L, 1, NULL, kinds);
  const size_t count = list_length(L, 2);
  const size_t node_count = list_length(L, 3);
  luaL_argcheck(L, node_count > 0, 3, "at least one node expected");
  struct lh_bytes *ids = lua_newuserdatauv(L, (count + 1) * sizeof(struct lh_bytes), 0);
  const char **nodes = lua_newuserdatauv(L, node_count * sizeof(char *), 0);
  uint32_t *places = lua_newuserdatauv(L, (count + 1) * sizeof(uint32_t), 0);
  for (size_t i = 0; i < count; i++) {
    size_t len;
    const char *id = text_at(L, 2, i, &len);
    ids[i] = lh_bytes(id, len);
  }
  for (size_t i = 0; i < node_count; i++) nodes[i] = text_at(L, 3, i, NULL);
  lh_hubs_place(kind == 0 ? LH_DISTRIBUTION_RENDEZVOUS : LH_DISTRIBUTION_RING, nodes, node_count,
                ids, count, places);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushinteger(L, (lua_Integer)places[i] + 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

void lh_core_open_place(lua_State *L) {
  lua_pushcfunction(L, place);
  lua_setfield(L, -2, "place");
}
