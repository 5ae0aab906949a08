-- split_start.lua (spec) - children are started on one side of a split by a node that the other side takes for dead.
-- After the split they run: the rows that only that side has are fetched, also by those that took over the rest before.

return {
  hubs = { { id = "shop" } },
  nodes = 4,
  run = function(world)
    world:cluster(4)
    world:populate(8, "idle")
    world:settle()
    world:split({ "n2", "n4" })
    world:run_for(world.random:between(0, 800))
    for i = 9, 20 do
      world:begin_start({ { id = "c" .. i, start = { "luahub.sim.probe", 2500 } } }, { on = "n1" })
    end
    world:run_for(14000)
    world:settle()
    world:note("at rest")
  end,
}
