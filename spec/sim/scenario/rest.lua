-- rest.lua (spec) - five nodes with 1,000 children that have nothing to do: what a virtual minute of them costs.

return {
  hubs = { { id = "shop" } },
  nodes = 5,
  run = function(world)
    world:cluster(5)
    world:populate(1000, "idle")
    world:settle()
    local began = os.clock()
    world:run_for(60000)
    world:note("one virtual minute took %.0f ms of one core", (os.clock() - began) * 1000)
  end,
}
