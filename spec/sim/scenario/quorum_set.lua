-- quorum_set.lua (spec) - five nodes whose hubs count quorums in an agreed member set, one that only grows and one that
-- shrinks too: splits, one-way cuts, stalls, a sixth node, and nodes that die and start anew, alone and all at once. No
-- child ever works in two places, and after it each runs once.

local luahub = require("luahub")
local tolerance = luahub.partition_tolerance

local function crash_and_start(world, names)
  for _, name in ipairs(names) do world:crash(name) end
  world:run_for(world.random:between(500, 15000))
  for _, name in ipairs(names) do world:restart(name) end
end

return {
  hubs = {
    { id = "grows", partition_tolerance = tolerance.majority_quorum({ initial_size = 3 }) },
    {
      id = "shrinks",
      partition_tolerance = tolerance.dynamic_quorum({ initial_size = 3, size = 60, threshold_time = 12000 }),
    },
  },
  nodes = 5,
  run = function(world)
    local names = world:cluster(5) or world.names
    world:populate(12, "probe")
    world:settle(30000)
    for round = 1, 3 do
      local one = names[world.random:between(1, 5)]
      local other = names[world.random:between(1, 5)]
      local what = world.random:between(1, 4)
      if what == 1 and one ~= other then
        world:split({ one, other })
      elseif what == 2 then
        world:stall(one, world.random:between(500, 20000))
      elseif what == 3 and one ~= other then
        world:cut_one_way(one, other)
      else
        crash_and_start(world, { one })
      end
      if round == 2 then world:add() end
      world:run_for(world.random:between(4000, 35000))
      world:heal()
      world:settle(60000)
    end
  end,
}
