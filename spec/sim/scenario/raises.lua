-- raises.lua (spec) - a scenario with a mistake.

return {
  hubs = { { id = "shop" } },
  nodes = 1,
  run = function(world)
    world:cluster(1)
    error("oops")
  end,
}
