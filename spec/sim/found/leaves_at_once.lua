-- leaves_at_once.lua (spec) - n2 comes back and leaves again at once: children that are on their way to it when it has
-- nothing left, and is about to end, must not begin to run there.

return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    world:populate(18, "idle")
    world:always_each(function()
      return require("luahub.sim.safety").broken(world)
    end)
    world:leave("n2")
    world:run_for(10000)
    for ms = 10, 120, 5 do
      world:restart("n2")
      world:run_for(ms)
      world:leave("n2")
      world:run_for(3000)
    end
    world:settle()
    world:note("at rest")
  end,
}
