-- epoch_kept.lua (spec) - a node that was taken for dead cannot write its new epoch. It does not return with it, since
-- it would begin it a second time after a crash; when the disk is good again it returns by itself.

local safety = require("luahub.sim.safety")

return {
  hubs = { { id = "shop" } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:settle()
    world:always_each(safety.broken)
    for i = 1, 24 do
      world:start({ id = "c" .. i, start = { "idle" } })
    end
    for _, crash in ipairs({ true, false }) do
      world:disk("n3", "full")
      world:stall("n3", 12000)
      world:run_for(15000)
      if crash then world:crash("n3") end
      world:disk("n3", "good")
      world:settle()
    end
    world:note("at rest")
  end,
}
