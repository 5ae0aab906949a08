-- drain.lua (spec) - a node that leaves with more children than it can hand on in 30 s, since each takes its time to
-- end: it leaves all the same, and the others recover what was left.

local invariant = require("luahub.sim.invariant")

local CHILDREN = 1200

return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    local specs = {}
    for i = 1, CHILDREN do
      specs[i] = { id = "c" .. i, start = { "stubborn" }, shutdown = 600000 }
    end
    world:start(specs)
    world:settle()
    world:leave("n2")
    world:run_for(29000)
    local left = #world:children("n2")
    world:expect(world:is_up("n2") and left > 0, "it is at it", left .. " children are there")
    world:run_for(2000)
    world:expect(not world:is_up("n2"), "it has left after 30 s")
    world:always("nothing is doubled", invariant.nothing_doubled)
    world:eventually("nothing is lost", invariant.nothing_lost, 5000)
    world:expect(#world:children("n1") == CHILDREN, "all run on the other node")
  end,
}
