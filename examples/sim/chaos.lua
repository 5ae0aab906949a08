-- chaos.lua - children under every fault that a seed draws: nothing may be lost or doubled when it is over.
--
--   luahub sim examples/sim/chaos.lua --runs 10 --nodes 5 --minutes 2

return {
  hubs = { { id = "shop" } },
  nodes = 4,
  run = function(world)
    world:cluster(world.node_count)
    local specs = {}
    for i = 1, 20 do
      specs[i] = { id = "c" .. i, start = { "idle" } }
    end
    world:start(specs)
    world:settle()
    world:chaos()
  end,
}
