-- parked_tie.lua (spec) - children move to a node that falls silent before their slow init is over: it parks them when
-- its lease ends, while the others begin them anew; the two know nothing of each other's generations. It comes back
-- just then, and none works twice.

local luahub = require("luahub")
local safety = require("luahub.sim.safety")

return {
  hubs = { { id = "shop", partition_tolerance = luahub.partition_tolerance.static_quorum({ size = 2, of = 3 }) } },
  nodes = 3,
  run = function(world)
    world:always("S2", safety.S2)
    world:cluster(3)
    world:run_for(12000)
    world:crash("n3")
    world:run_for(12000)
    local specs = {}
    for i = 1, 40 do
      specs[i] = { id = "c" .. i, start = { "luahub.sim.probe", 3000 } }
    end
    world:start(specs, { on = "n1", timeout = 20000 })
    world:restart("n3")
    world:eventually("children move to n3", function() return #world:children("n3") > 0 end, 30000)
    world:run_for(world.random:between(1000, 2900))
    world:isolate("n3", { "n1", "n2" }, "mute")
    world:run_for(world.random:between(9000, 15000))
    world:settle(120000, 30000)
  end,
}
