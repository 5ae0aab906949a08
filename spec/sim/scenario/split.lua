-- split.lua (spec) - a cluster divided in two halves for so long that each took over the other's children.

return {
  hubs = { { id = "shop" } },
  nodes = 4,
  run = function(world)
    world:cluster(4)
    world:populate(20, "probe")
    world:settle()
    world:split({ "n3", "n4" })
    world:run_for(world.random:between(4000, 20000))
    world:settle(20000)
  end,
}
