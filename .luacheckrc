std = "lua54"
max_line_length = 120
max_cyclomatic_complexity = 15
include_files = {
  "lua", "bin/luahub", "spec/**/*.lua", "scripts/**/*.lua", "bench/**/*.lua", "examples/**/*.lua",
  "rockspec/*", ".luacheckrc", ".busted",
}
-- Callbacks take what they are given, needed or not.
unused_args = false
files["spec"] = { std = "+busted", max_cyclomatic_complexity = false }
files["rockspec"] = { std = "rockspec" }
files["rockspec/offline.lua"] = { std = "lua54", globals = { "rocks_servers", "rocks_provided" } }
