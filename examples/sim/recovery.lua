-- recovery.lua - a scenario for any distribution strategy: a node crashes, and what ran there runs again within a
-- second, on nodes that agree about who runs what. Used by strategy_right.lua and strategy_wrong.lua.

local invariant = require("luahub.sim.invariant")

local NODES, CHILDREN = 5, 20

return function(distribution)
  return {
    hubs = { { id = "shop", distribution = distribution } },
    nodes = NODES,
    run = function(world)
      world:cluster(NODES)
      for i = 1, CHILDREN do
        local asked = "n" .. world.random:between(1, NODES)
        local result, err = world:start({ id = "c" .. i, start = { "idle" } }, { on = asked })
        world:expect(result and #result.errors == 0, "children start", err and err.message)
      end
      world:settle()
      world:always("nothing is doubled", invariant.nothing_doubled)
      world:crash("n" .. world.random:between(2, NODES))
      world:eventually("nothing is lost", invariant.nothing_lost, 1000)
      world:settle()
    end,
  }
end
