-- damage.lua (spec) - packets arrive damaged for a while: links break and are made again, and that is all.

return {
  hubs = { { id = "shop" } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:populate(9, "luahub.sim.probe")
    world:settle()
    world:always_each(function()
      return require("luahub.sim.safety").broken(world)
    end)
    world:corrupt(0.05)
    for round = 1, 60 do
      world:burst("c" .. round % 9 + 1, 5, { on = "n1" })
      world:run_for(250)
    end
    world:expect(world.core:corrupted() > 10, "packets are damaged")
    world:expect(world.delivery.count > 100, "messages arrive")
    world:settle()
    world:note("at rest after damage")
  end,
}
