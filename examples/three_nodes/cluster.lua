-- cluster.lua - three nodes on one machine: the same file for each, the rest on the command line.
--
--   bin/luahub keygen > examples/three_nodes/secret; chmod 600 examples/three_nodes/secret
--   bin/luahub start examples/three_nodes/cluster.lua --name n1 --listen 127.0.0.1:7101
--   bin/luahub start examples/three_nodes/cluster.lua --name n2 --listen 127.0.0.1:7102 --join 127.0.0.1:7101
--   bin/luahub start examples/three_nodes/cluster.lua --name n3 --listen 127.0.0.1:7103 --join 127.0.0.1:7101
--   bin/luahub attach n1

local luahub = require("luahub")

-- FILE's directory is on package.path; the counter is in the one above it.
local here = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
package.path = here .. "/../?.lua;" .. package.path

local children = {}
for i = 1, 12 do
  children[i] = { id = "counter-" .. i, start = { "counter" }, metadata = { tag = "counter" } }
end

return {
  node = { secret_file = "secret" },
  hubs = {
    {
      id = "main",
      children = children,
      distribution = luahub.distribution.rendezvous({}),
      migration = luahub.migration.hot_swap({ handover = true }),
    },
  },
}
