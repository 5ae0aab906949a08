// rooms: base wire
// wire.c - luahub_test.wire: a reader, a writer and the table of runs, for specs.
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <string.h>

#include "wire/runs.h"
#include "wire/wire.h"

static const char READER[] = "luahub_test.reader";
static const char WRITER[] = "luahub_test.writer";
static const char RUNS[] = "luahub_test.runs";

// --- reading ---

static struct lh_reader *check_reader(lua_State *L) { return luaL_checkudata(L, 1, READER); }

// reader(bytes, "user" | nil, { budget = , depth = } | nil): the bytes stay anchored.
static int new_reader(lua_State *L) {
  size_t len = 0;
  const char *bytes = luaL_checklstring(L, 1, &len);
  const bool user = strcmp(luaL_optstring(L, 2, "control"), "user") == 0;
  struct lh_reader *reader = lua_newuserdatauv(L, sizeof *reader, 1);
  (user ? lh_reader_init_user : lh_reader_init)(reader, lh_bytes(bytes, len));
  luaL_setmetatable(L, READER);
  lua_pushvalue(L, 1);
  (void)lua_setiuservalue(L, -2, 1);
  return 1;
}

static const char *const type_names[] = {"end", "nil", "bool",  "int", "uint", "double",
                                         "str", "bin", "array", "map", "pid"};

static void push_value(lua_State *L, const struct lh_wire_value *value) {
  switch (value->type) {
  case LH_WIRE_BOOL:
    lua_pushboolean(L, value->as.boolean);
    break;
  case LH_WIRE_INT:
    lua_pushinteger(L, (lua_Integer)value->as.integer);
    break;
  case LH_WIRE_UINT:
    lua_pushinteger(L, (lua_Integer)value->as.unsigned_integer);
    break;
  case LH_WIRE_DOUBLE:
    lua_pushnumber(L, value->as.number);
    break;
  case LH_WIRE_STR:
  case LH_WIRE_BIN:
    lua_pushlstring(L, (const char *)value->as.bytes.data, value->as.bytes.len);
    break;
  case LH_WIRE_ARRAY:
  case LH_WIRE_MAP:
    lua_pushinteger(L, value->as.count);
    break;
  case LH_WIRE_PID:
    lua_pushfstring(L, "%d.%d", (int)value->as.pid.run.epoch, (int)value->as.pid.local);
    break;
  default:
    lua_pushnil(L);
    break;
  }
}

static int reader_value(lua_State *L) {
  const struct lh_wire_value value = lh_read_value(check_reader(L));
  lua_pushstring(L, type_names[value.type]);
  push_value(L, &value);
  return 2;
}

static int reader_peek(lua_State *L) {
  lua_pushstring(L, type_names[lh_read_peek(check_reader(L))]);
  return 1;
}

static int push_bytes(lua_State *L, struct lh_bytes bytes) {
  lua_pushlstring(L, bytes.data != NULL ? (const char *)bytes.data : "", bytes.len);
  return 1;
}

static int reader_uint(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_read_uint(check_reader(L), (uint64_t)luaL_checkinteger(L, 2)));
  return 1;
}
static int reader_int(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lh_read_int(check_reader(L)));
  return 1;
}
static int reader_bool(lua_State *L) {
  lua_pushboolean(L, lh_read_bool(check_reader(L)));
  return 1;
}
static int reader_double(lua_State *L) {
  lua_pushnumber(L, lh_read_double(check_reader(L)));
  return 1;
}
static int reader_str(lua_State *L) {
  return push_bytes(L, lh_read_str(check_reader(L), (size_t)luaL_checkinteger(L, 2)));
}
static int reader_bin(lua_State *L) {
  return push_bytes(L, lh_read_bin(check_reader(L), (size_t)luaL_checkinteger(L, 2)));
}
static int reader_array(lua_State *L) {
  lua_pushinteger(L, lh_read_array(check_reader(L), (uint32_t)luaL_checkinteger(L, 2)));
  return 1;
}
static int reader_map(lua_State *L) {
  lua_pushinteger(L, lh_read_map(check_reader(L), (uint32_t)luaL_checkinteger(L, 2)));
  return 1;
}
static int reader_nil(lua_State *L) {
  lua_pushboolean(L, lh_read_nil(check_reader(L)));
  return 1;
}
static int reader_run(lua_State *L) {
  struct lh_run run;
  lh_read_run(check_reader(L), &run);
  lua_pushlstring(L, (const char *)run.id.bytes, sizeof run.id.bytes);
  lua_pushinteger(L, (lua_Integer)run.epoch);
  return 2;
}
static int reader_skip(lua_State *L) { return push_bytes(L, lh_read_skip(check_reader(L))); }
static int reader_finish(lua_State *L) {
  lua_pushstring(L, lh_err_name(lh_read_end(check_reader(L))));
  return 1;
}
static int reader_error(lua_State *L) {
  lua_pushstring(L, lh_err_name(check_reader(L)->err));
  return 1;
}

static const luaL_Reg reader_methods[] = {
    {"value", reader_value}, {"peek", reader_peek},
    {"uint", reader_uint},   {"int", reader_int},
    {"bool", reader_bool},   {"double", reader_double},
    {"str", reader_str},     {"bin", reader_bin},
    {"array", reader_array}, {"map", reader_map},
    {"null", reader_nil},    {"run", reader_run},
    {"skip", reader_skip},   {"finish", reader_finish},
    {"error", reader_error}, {NULL, NULL},
};

// --- writing: every method answers the writer ---

static struct lh_buf *check_writer(lua_State *L) {
  lua_settop(L, 3);
  return luaL_checkudata(L, 1, WRITER);
}

static int new_writer(lua_State *L) {
  struct lh_buf *buf = lua_newuserdatauv(L, sizeof *buf, 0);
  *buf = LH_BUF_EMPTY;
  luaL_setmetatable(L, WRITER);
  return 1;
}

static int same(lua_State *L) {
  lua_settop(L, 1);
  return 1;
}

static int writer_uint(lua_State *L) {
  lh_write_uint(check_writer(L), (uint64_t)luaL_checkinteger(L, 2));
  return same(L);
}
static int writer_int(lua_State *L) {
  lh_write_int(check_writer(L), luaL_checkinteger(L, 2));
  return same(L);
}
static int writer_double(lua_State *L) {
  lh_write_double(check_writer(L), luaL_checknumber(L, 2));
  return same(L);
}
static int writer_bool(lua_State *L) {
  lh_write_bool(check_writer(L), lua_toboolean(L, 2));
  return same(L);
}
static int writer_nil(lua_State *L) {
  lh_write_nil(check_writer(L));
  return same(L);
}
static int writer_str(lua_State *L) {
  size_t len = 0;
  const char *text = luaL_checklstring(L, 2, &len);
  lh_write_str(check_writer(L), text, len);
  return same(L);
}
static int writer_bin(lua_State *L) {
  size_t len = 0;
  const char *data = luaL_checklstring(L, 2, &len);
  lh_write_bin(check_writer(L), data, len);
  return same(L);
}
static int writer_array(lua_State *L) {
  lh_write_array(check_writer(L), (uint32_t)luaL_checkinteger(L, 2));
  return same(L);
}
static int writer_map(lua_State *L) {
  lh_write_map(check_writer(L), (uint32_t)luaL_checkinteger(L, 2));
  return same(L);
}

static struct lh_run check_run(lua_State *L, int id, int epoch) {
  struct lh_run run = {.epoch = (uint64_t)luaL_checkinteger(L, epoch)};
  size_t len = 0;
  const char *bytes = luaL_checklstring(L, id, &len);
  luaL_argcheck(L, len == sizeof run.id.bytes, id, "16 bytes expected");
  memcpy(run.id.bytes, bytes, len);
  return run;
}

static int writer_run(lua_State *L) {
  const struct lh_run run = check_run(L, 2, 3);
  lh_write_run(luaL_checkudata(L, 1, WRITER), &run);
  return same(L);
}
static int writer_pid(lua_State *L) {
  const struct lh_run run = check_run(L, 2, 3);
  lh_write_pid(luaL_checkudata(L, 1, WRITER), &run, (uint64_t)luaL_checkinteger(L, 4));
  return same(L);
}
static int writer_bytes(lua_State *L) { return push_bytes(L, lh_bytes_of(check_writer(L))); }
static int writer_gc(lua_State *L) {
  lh_buf_free(luaL_checkudata(L, 1, WRITER));
  return 0;
}

static const luaL_Reg writer_methods[] = {
    {"uint", writer_uint}, {"int", writer_int}, {"double", writer_double}, {"bool", writer_bool},
    {"null", writer_nil},  {"str", writer_str}, {"bin", writer_bin},       {"array", writer_array},
    {"map", writer_map},   {"run", writer_run}, {"pid", writer_pid},       {"bytes", writer_bytes},
    {"__gc", writer_gc},   {NULL, NULL},
};

// --- runs ---

static struct lh_runs *check_runs(lua_State *L) {
  return *(struct lh_runs **)luaL_checkudata(L, 1, RUNS);
}

static int new_runs(lua_State *L) {
  struct lh_runs **box = lua_newuserdatauv(L, sizeof(struct lh_runs *), 0);
  *box = lh_runs_new();
  luaL_setmetatable(L, RUNS);
  return 1;
}

static int runs_index(lua_State *L) {
  const struct lh_run run = check_run(L, 2, 3);
  lua_pushinteger(L, lh_runs_index(check_runs(L), &run));
  return 1;
}
static int runs_at(lua_State *L) {
  const struct lh_run *run = lh_runs_at(check_runs(L), (uint32_t)luaL_checkinteger(L, 2));
  if (run == NULL) return 0;
  lua_pushlstring(L, (const char *)run->id.bytes, sizeof run->id.bytes);
  lua_pushinteger(L, (lua_Integer)run->epoch);
  return 2;
}
static int runs_name(lua_State *L) {
  lua_pushstring(L, lh_runs_name(check_runs(L), (uint32_t)luaL_checkinteger(L, 2)));
  return 1;
}
static int runs_set_name(lua_State *L) {
  lh_runs_set_name(check_runs(L), (uint32_t)luaL_checkinteger(L, 2), luaL_checkstring(L, 3));
  return 0;
}
static int runs_gc(lua_State *L) {
  lh_runs_free(check_runs(L));
  return 0;
}

enum { RACERS = 4, RACE_RUNS = 2000 };

struct racer {
  pthread_t thread;
  struct lh_runs *runs;
  uint32_t indexes[RACE_RUNS];
};

static void *race(void *data) {
  struct racer *racer = data;
  for (uint64_t i = 0; i < RACE_RUNS; i++) {
    const struct lh_run run = {.epoch = i + 1};
    racer->indexes[i] = lh_runs_index(racer->runs, &run);
  }
  return NULL;
}

// Threads that add the same runs at once: true when all were given the same indexes.
static int runs_race(lua_State *L) {
  static struct racer racers[RACERS];
  bool equal = true;
  for (int i = 0; i < RACERS; i++) {
    racers[i].runs = check_runs(L);
    if (pthread_create(&racers[i].thread, NULL, race, &racers[i]) != 0) return 0;
  }
  for (int i = 0; i < RACERS; i++) (void)pthread_join(racers[i].thread, NULL);
  for (int i = 1; i < RACERS; i++) {
    equal = equal && memcmp(racers[0].indexes, racers[i].indexes, sizeof racers[i].indexes) == 0;
  }
  lua_pushboolean(L, equal);
  return 1;
}

static const luaL_Reg runs_methods[] = {
    {"index", runs_index}, {"at", runs_at},   {"name", runs_name}, {"set_name", runs_set_name},
    {"race", runs_race},   {"__gc", runs_gc}, {NULL, NULL},
};

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

__attribute__((visibility("default"))) int luaopen_luahub_test_wire(lua_State *L);

int luaopen_luahub_test_wire(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"reader", new_reader}, {"writer", new_writer}, {"runs", new_runs}, {NULL, NULL}};
  new_class(L, READER, reader_methods);
  new_class(L, WRITER, writer_methods);
  new_class(L, RUNS, runs_methods);
  luaL_newlib(L, functions);
  lua_pushinteger(L, LH_RUNS_MAX);
  lua_setfield(L, -2, "RUNS_MAX");
  return 1;
}
