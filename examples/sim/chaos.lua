-- chaos.lua - three hubs under every fault that a seed draws, while their children are started, stopped, called and
-- fail: nothing may be lost or doubled when it is over, and much must hold at every time.
--
--   luahub sim examples/sim/chaos.lua --runs 10 --minutes 2

local luahub = require("luahub")

return {
  hubs = {
    { id = "shop" },
    { id = "ring", distribution = luahub.distribution.consistent_hashing() },
    { id = "hot", migration = luahub.migration.hot_swap({ handover = true }) },
  },
  run = function(world)
    world:cluster(world.node_count)
    world:chaos({ children = 6 })
  end,
}
