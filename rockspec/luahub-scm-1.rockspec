rockspec_format = "3.0"
package = "luahub"
version = "scm-1"
-- The project has no public address yet, and a rockspec must name one. `luarocks make` and `pack` use the files
-- beside this one and never look at it; only `luarocks install FILE.rockspec` would, and says so. Whoever publishes
-- the project writes its address here ("git+https://...").
source = { url = "git+file://luahub-has-no-public-repository-yet--use-luarocks-make", branch = "main" }
description = {
  summary = "A Lua-scriptable cluster node",
  detailed = [[
Nodes are equal; together they form hubs. A hub places supervised Lua children on its nodes, keeps one
registry that every node reads locally, restarts and moves children when nodes come and go, and lets its
user change every decision in Lua.]],
  license = "MIT",
  labels = { "cluster", "actors", "supervision", "network" },
}
supported_platforms = { "linux" }
dependencies = { "lua ~> 5.4", "lua-cjson >= 2.1" }
-- The Makefile asks pkg-config for these and the other libraries, and names what is missing.
external_dependencies = {
  LIBUV = { header = "uv.h", library = "uv" },
  OPENSSL = { header = "openssl/ssl.h", library = "ssl" },
}
build = {
  type = "make",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA = "$(LUA)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    UV_INCDIR = "$(LIBUV_INCDIR)",
    UV_LIBDIR = "$(LIBUV_LIBDIR)",
  },
  -- The same values again: install depends on all, and must not build differently.
  install_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    UV_INCDIR = "$(LIBUV_INCDIR)",
    UV_LIBDIR = "$(LIBUV_LIBDIR)",
    LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)",
  },
  install = { bin = { luahub = "bin/luahub" } },
}
test_dependencies = { "busted >= 2.1" }
test = { type = "command", command = "make test" }
