// loader.c - modules: a file is compiled once per process, and every state loads its bytecode.
//
// The cache belongs to the process and is never emptied; it stops taking files at CACHE_MAX bytes.
// An entry is good as long as the file's size and time of change are the same. The bytecode keeps
// its line numbers. Any thread. What is not found here is left to Lua's own searcher, which words
// the error.
#include "script/internal.h"

#include <lualib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"
#include "base/mem.h"

enum { CACHE_MAX = 64 * 1024 * 1024 };

struct module {
  int refs;  // guarded by the cache's lock
  int64_t size, changed_s, changed_ns;
  struct lh_buf bytecode;
};

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lh_map cache;  // file name -> struct module
static size_t cache_size;

static void unref(struct module *module) {
  pthread_mutex_lock(&cache_lock);
  const bool last = --module->refs == 0;
  if (last) cache_size -= module->bytecode.len;
  pthread_mutex_unlock(&cache_lock);
  if (!last) return;
  lh_buf_free(&module->bytecode);
  lh_free(module);
}

static void stamp(struct module *module, const struct stat *file) {
  module->size = (int64_t)file->st_size;
  module->changed_s = (int64_t)file->st_mtim.tv_sec;
  module->changed_ns = (int64_t)file->st_mtim.tv_nsec;
}

static bool is_fresh(const struct module *module, const struct stat *file) {
  struct module now = {0};
  stamp(&now, file);
  return module->size == now.size && module->changed_s == now.changed_s &&
         module->changed_ns == now.changed_ns;
}

// The module's bytecode, to be unreferenced, or NULL.
static struct module *find(const char *name, const struct stat *file) {
  pthread_mutex_lock(&cache_lock);
  struct module *module = lh_map_get(&cache, name, strlen(name));
  if (module != NULL && !is_fresh(module, file)) module = NULL;
  if (module != NULL) module->refs++;
  pthread_mutex_unlock(&cache_lock);
  return module;
}

static void keep(const char *name, struct module *module) {
  pthread_mutex_lock(&cache_lock);
  const bool fits = cache_size + module->bytecode.len <= CACHE_MAX;
  struct module *old = NULL;
  cache_size += module->bytecode.len;
  if (fits) {
    module->refs++;
    old = lh_map_put(&cache, name, strlen(name), module);
  }
  pthread_mutex_unlock(&cache_lock);
  if (old != NULL) unref(old);
}

static int write_bytecode(lua_State *L, const void *data, size_t len, void *buf) {
  (void)L;
  lh_buf_append(buf, data, len);
  return 0;
}

// Compiles the file, pushes its function (or an error text) and keeps the bytecode.
static int compile(lua_State *L, const char *name, const struct stat *file) {
  const int status = luaL_loadfilex(L, name, NULL);
  if (status != LUA_OK) return status;
  struct module *module = LH_NEW(struct module);
  module->refs = 1;
  stamp(module, file);
  (void)lua_dump(L, write_bytecode, &module->bytecode, 0);
  keep(name, module);
  unref(module);
  return LUA_OK;
}

static int load(lua_State *L, const char *name) {
  struct stat file;
  if (stat(name, &file) != 0) return luaL_loadfilex(L, name, NULL);
  struct module *module = find(name, &file);
  if (module == NULL) return compile(L, name, &file);
  const int status =
      luaL_loadbufferx(L, (const char *)module->bytecode.data, module->bytecode.len, name, "b");
  unref(module);
  return status;
}

// Upvalue: package. Answers the loader and the file's name, or nothing.
static int search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "searchpath");
  lua_pushvalue(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "path");
  lua_call(L, 2, 1);
  const char *file = lua_tostring(L, -1);
  if (file == NULL) return 0;
  if (load(L, file) == LUA_OK) {
    lua_pushvalue(L, -2);
    return 2;
  }
  return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, file,
                    lua_tostring(L, -1));
}

// Second in package.searchers: behind package.preload, before the files.
void lh_script_open_loader(lua_State *L) {
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, search, 1);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 2);
}
