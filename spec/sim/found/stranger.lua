-- stranger.lua (spec) - a node stands still; meanwhile another one is cut off. The first returns with a new epoch and
-- never meets the other: it must not go on listing what ran there.

return {
  hubs = { { id = "shop" } },
  nodes = 3,
  run = function(world)
    local invariant = require("luahub.sim.invariant")
    world:cluster(3)
    world:populate(12, "idle")
    world:settle()
    world:stall("n3", 10000)
    world:run_for(4500)
    world:cut("n2", "n1")
    world:cut("n2", "n3")
    world:run_for(5500)
    world:eventually("registries are true", function()
      return invariant.registries_true(world, { "n1", "n3" })
    end, 9000)
    world:settle()
    world:note("at rest")
  end,
}
