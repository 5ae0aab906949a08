// place.c - the built-in distributions from Lua, so that a placement can be tried out and
// explained.
#include "lua/internal.h"

#include "hub/hub.h"
#include "script/script.h"

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

// The value of t[name] for the table `t` at `arg`, which may be nil: pushed.
static int field_of(lua_State *L, int arg, const char *name) {
  if (lua_istable(L, arg)) return lua_getfield(L, arg, name);
  lua_pushnil(L);
  return LUA_TNIL;
}

static void read_nodes(lua_State *L, struct lh_hub_node *nodes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct lh_hub_node *node = &nodes[i];
    node->name = text_at(L, 3, i, NULL);
    const bool told = field_of(L, 4, node->name) == LUA_TNUMBER;
    node->weight = told ? (uint32_t)lua_tointeger(L, -1) : LH_MEMBER_WEIGHT_ONE;
    lua_pop(L, 1);
    node->labels = field_of(L, 5, node->name) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    lua_pop(L, 1);  // the table holds it
  }
}

static void push_places(lua_State *L, const uint32_t *places, size_t count) {
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    if (places[i] == UINT32_MAX)
      lua_pushboolean(L, 0);
    else
      lua_pushinteger(L, (lua_Integer)places[i] + 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

// place(distribution, ids, nodes, weights, labels) -> list of indexes into nodes, false for none.
// The distribution as the node is told of it; weights by name, in thousandths; labels by name, each
// as a member's record has them.
static int place(lua_State *L) {
  struct lh_hub_config config = {0};
  struct lh_error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  const size_t count = list_length(L, 2);
  const size_t node_count = list_length(L, 3);
  luaL_argcheck(L, node_count > 0, 3, "at least one node expected");
  struct lh_buf *told = lh_core_buffer(L);
  if (lh_value_encode(L, 1, told, LH_SPEC_MAX, NULL, &error) != LH_OK)
    return luaL_error(L, "%s", error.text);
  lh_hub_config_read(&config, lh_bytes_of(told));
  struct lh_bytes *ids = lua_newuserdatauv(L, (count + 1) * sizeof(struct lh_bytes), 0);
  struct lh_hub_node *nodes = lua_newuserdatauv(L, node_count * sizeof(struct lh_hub_node), 0);
  uint32_t *places = lua_newuserdatauv(L, (count + 1) * sizeof(uint32_t), 0);
  for (size_t i = 0; i < count; i++) {
    size_t len;
    const char *id = text_at(L, 2, i, &len);
    ids[i] = lh_bytes(id, len);
  }
  read_nodes(L, nodes, node_count);
  lh_hubs_place(&config, nodes, node_count, ids, count, places);
  push_places(L, places, count);
  return 1;
}

void lh_core_open_place(lua_State *L) {
  lua_pushcfunction(L, place);
  lua_setfield(L, -2, "place");
}
