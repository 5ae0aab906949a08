-- leaves_taken.lua (spec) - a node begins to leave while the others take it for dead. When it hears that they took over
-- its children it ends them at once, and not at the end of the time that it has for handing on.

local luahub = require("luahub")

return {
  hubs = { { id = "shop", migration = luahub.migration.hot_swap({ handover = true }) } },
  nodes = 3,
  run = function(world)
    local invariant = require("luahub.sim.invariant")
    world:cluster(3)
    world:populate(12, "luahub.sim.probe")
    world:settle()
    world:cut_one_way("n3", "n1")
    world:cut_one_way("n3", "n2")
    world:run_for(2000)
    world:leave("n3")
    world:run_for(2700)
    world:heal()
    world:eventually("nothing is doubled", invariant.nothing_doubled, 10000)
    world:settle()
    world:note("at rest")
  end,
}
