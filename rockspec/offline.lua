-- A LuaRocks configuration for Debian 12 without any rocks server: what luahub depends on comes from
-- Debian's packages, which leave no rock manifest behind, so LuaRocks has to be told that they are there.
--
--   LUAROCKS_CONFIG=rockspec/offline.lua luarocks --lua-version=5.4 --tree=.rocks make
rocks_servers = {}
rocks_provided = { ["lua-cjson"] = "2.1.0-1", busted = "2.1.1-1" }
