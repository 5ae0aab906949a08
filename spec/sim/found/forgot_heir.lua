-- forgot_heir.lua (spec) - in a split n4 takes over children of n2, so n3 has them dealt with. When the split ends n2
-- is dead and n4 out of reach: n3, in a new epoch, does not meet n4 again and forgets what n4 ran. What n1 still holds
-- of n2 must then count for n3 anew.

local invariant = require("luahub.sim.invariant")

return {
  hubs = { { id = "shop" } },
  nodes = 4,
  ciphers = "real", -- the histories that showed it
  run = function(world)
    world:cluster(4)
    world:populate(40, "idle")
    world:settle()
    local of_n2 = world:children("n2")
    world:split({ "n3", "n4" })
    world:run_for(world.random:between(4000, 16000))
    world:vanish("n2")
    world:heal()
    world:cut("n4", "n1")
    world:cut("n4", "n3")
    world:cut("n4", "n2")
    world:run_for(world.random:between(25000, 30000))
    -- One that begins anew itself forgets n2, too.
    if world.core:epoch(world.numbers.n1) > 1 then return end
    local runs = {}
    for _, name in ipairs({ "n1", "n3" }) do
      for _, child in ipairs(world:children(name)) do
        runs[child.id] = true
      end
    end
    for _, child in ipairs(of_n2) do
      world:expect(runs[child.id], "nothing is lost", child.id .. " runs nowhere")
    end
    world:expect(invariant.registries_true(world, { "n1", "n3" }), "registries are true", "after the split")
  end,
}
