// rooms: base
// base.c - luahub_test.base: maps, heaps and buffers, for specs.
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/pages.h"

static const char MAP[] = "luahub_test.map";
static const char HEAP[] = "luahub_test.heap";
static const char BUF[] = "luahub_test.buf";

enum { DUES_MAX = 4096 };

// --- maps: values are integers, carried as light userdata ---

static struct lh_map *check_map(lua_State *L) { return luaL_checkudata(L, 1, MAP); }

static int push_number(lua_State *L, const void *value) {
  if (value == NULL) return 0;
  lua_pushinteger(L, (lua_Integer)(intptr_t)value);
  return 1;
}

static int new_map(lua_State *L) {
  *(struct lh_map *)lua_newuserdatauv(L, sizeof(struct lh_map), 0) = LH_MAP_EMPTY;
  luaL_setmetatable(L, MAP);
  return 1;
}
static int map_get(lua_State *L) {
  size_t len = 0;
  const char *key = luaL_checklstring(L, 2, &len);
  return push_number(L, lh_map_get(check_map(L), key, len));
}
static int map_put(lua_State *L) {
  size_t len = 0;
  const char *key = luaL_checklstring(L, 2, &len);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a number is all that the map must keep here
  return push_number(L,
                     lh_map_put(check_map(L), key, len, (void *)(intptr_t)luaL_checkinteger(L, 3)));
}
static int map_remove(lua_State *L) {
  size_t len = 0;
  const char *key = luaL_checklstring(L, 2, &len);
  return push_number(L, lh_map_remove(check_map(L), key, len));
}
static int map_keys(lua_State *L) {
  const struct lh_map *map = check_map(L);
  lua_createtable(L, (int)map->count, 0);
  for (size_t i = 0; i < map->count; i++) {
    lua_pushlstring(L, (const char *)map->entries[i].key, map->entries[i].key_len);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}
static int map_gc(lua_State *L) {
  lh_map_free(check_map(L));
  return 0;
}

static const luaL_Reg map_methods[] = {{"get", map_get},   {"put", map_put}, {"remove", map_remove},
                                       {"keys", map_keys}, {"__gc", map_gc}, {NULL, NULL}};

// --- heaps of numbered deadlines ---

struct heap {
  struct lh_heap heap;
  struct lh_due dues[DUES_MAX];
};

static struct heap *check_heap(lua_State *L) { return luaL_checkudata(L, 1, HEAP); }

static struct lh_due *check_due(lua_State *L) {
  const lua_Integer number = luaL_checkinteger(L, 2);
  luaL_argcheck(L, number >= 1 && number <= DUES_MAX, 2, "no such deadline");
  return &check_heap(L)->dues[number - 1];
}

static int new_heap(lua_State *L) {
  memset(lua_newuserdatauv(L, sizeof(struct heap), 0), 0, sizeof(struct heap));
  luaL_setmetatable(L, HEAP);
  return 1;
}
static int heap_set(lua_State *L) {
  lh_heap_set(&check_heap(L)->heap, check_due(L), luaL_checkinteger(L, 3));
  return 0;
}
static int heap_cancel(lua_State *L) {
  lh_heap_cancel(&check_heap(L)->heap, check_due(L));
  return 0;
}
static int heap_is_set(lua_State *L) {
  lua_pushboolean(L, lh_due_is_set(check_due(L)));
  return 1;
}
static int heap_next(lua_State *L) {
  const lh_ms at = lh_heap_next(&check_heap(L)->heap);
  if (at == LH_NEVER) return 0;
  lua_pushinteger(L, at);
  return 1;
}
static int heap_pop(lua_State *L) {
  struct heap *heap = check_heap(L);
  const struct lh_due *due = lh_heap_pop(&heap->heap, luaL_checkinteger(L, 2));
  if (due == NULL) return 0;
  lua_pushinteger(L, due - heap->dues + 1);
  return 1;
}
static int heap_gc(lua_State *L) {
  lh_heap_free(&check_heap(L)->heap);
  return 0;
}

static const luaL_Reg heap_methods[] = {
    {"set", heap_set},   {"cancel", heap_cancel}, {"is_set", heap_is_set},
    {"next", heap_next}, {"pop", heap_pop},       {"__gc", heap_gc},
    {NULL, NULL}};

// --- buffers ---

static struct lh_buf *check_buf(lua_State *L) { return luaL_checkudata(L, 1, BUF); }

static int new_buf(lua_State *L) {
  *(struct lh_buf *)lua_newuserdatauv(L, sizeof(struct lh_buf), 0) = LH_BUF_EMPTY;
  luaL_setmetatable(L, BUF);
  return 1;
}
static int buf_append(lua_State *L) {
  size_t len = 0;
  const char *data = luaL_checklstring(L, 2, &len);
  lh_buf_append(check_buf(L), data, len);
  return 0;
}
static int buf_consume(lua_State *L) {
  lh_buf_consume(check_buf(L), (size_t)luaL_checkinteger(L, 2));
  return 0;
}
static int buf_bytes(lua_State *L) {
  const struct lh_buf *buf = check_buf(L);
  lua_pushlstring(L, buf->len > 0 ? (const char *)buf->data : "", buf->len);
  return 1;
}
static int buf_take(lua_State *L) {
  size_t len = 0;
  uint8_t *data = lh_buf_take(check_buf(L), &len);
  lua_pushlstring(L, len > 0 ? (const char *)data : "", len);
  lh_free(data);
  return 1;
}
static int buf_gc(lua_State *L) {
  lh_buf_free(check_buf(L));
  return 0;
}

static const luaL_Reg buf_methods[] = {{"append", buf_append}, {"consume", buf_consume},
                                       {"bytes", buf_bytes},   {"take", buf_take},
                                       {"__gc", buf_gc},       {NULL, NULL}};

static int compare(lua_State *L) {
  size_t len_a = 0;
  size_t len_b = 0;
  const char *a = luaL_checklstring(L, 1, &len_a);
  const char *b = luaL_checklstring(L, 2, &len_b);
  lua_pushinteger(L, lh_bytes_compare(lh_bytes(a, len_a), lh_bytes(b, len_b)));
  lua_pushboolean(L, lh_bytes_equal(lh_bytes(a, len_a), lh_bytes(b, len_b)));
  return 2;
}

static int let_go(lua_State *L) {
  (void)L;
  lh_pages_let_go();
  return 0;
}

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

__attribute__((visibility("default"))) int luaopen_luahub_test_base(lua_State *L);

int luaopen_luahub_test_base(lua_State *L) {
  static const luaL_Reg functions[] = {{"map", new_map},     {"heap", new_heap}, {"buf", new_buf},
                                       {"compare", compare}, {"let_go", let_go}, {NULL, NULL}};
  new_class(L, MAP, map_methods);
  new_class(L, HEAP, heap_methods);
  new_class(L, BUF, buf_methods);
  luaL_newlib(L, functions);
  return 1;
}
