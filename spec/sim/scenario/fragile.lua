-- fragile.lua (spec) - an invariant that every crash breaks: all nodes are up at every tick.

return {
  hubs = { { id = "shop" } },
  nodes = 3,
  run = function(world)
    world:cluster(world.node_count)
    world:always("all nodes are up", function()
      return #world:nodes(true) == #world:nodes(), "a node is down"
    end)
    world:chaos({ faults = { "crash", "weather" } })
  end,
}
