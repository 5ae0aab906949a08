-- quorum.lua (spec) - five nodes whose hub needs three: splits, one-way cuts, stalls and a crash, over which no child
-- ever works in two places, and after which each runs once.

local luahub = require("luahub")

return {
  hubs = { { id = "shop", partition_tolerance = luahub.partition_tolerance.static_quorum({ size = 3, of = 5 }) } },
  nodes = 5,
  run = function(world)
    local names = world:cluster(5) or world.names
    world:populate(20, "probe")
    world:settle(30000)
    for _ = 1, 3 do
      local one = names[world.random:between(1, 5)]
      local other = names[world.random:between(1, 5)]
      local what = world.random:between(1, 3)
      if what == 1 and one ~= other then
        world:split({ one, other })
      elseif what == 2 then
        world:stall(one, world.random:between(500, 20000))
      elseif one ~= other then
        world:cut_one_way(one, other)
      end
      world:run_for(world.random:between(4000, 25000))
      world:heal()
      world:settle(60000)
    end
  end,
}
