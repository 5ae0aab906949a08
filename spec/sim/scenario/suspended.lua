-- suspended.lua (spec) - a machine is suspended for hours: the others run its children, with a quorum and without; when
-- it goes on each child runs once, and nobody else was taken for dead.

local luahub = require("luahub")

local HOURS_MS = 3 * 3600 * 1000
local COUNT = 12
local static = {}
for i = 1, COUNT do static[i] = { id = "s" .. i, start = { "living" } } end

-- How many children of a hub work, and that on n1 and n3 only.
local function expect_on_others(world, hub)
  local count = 0
  for _, name in ipairs { "n1", "n3" } do
    for _, child in ipairs(world:children(name)) do
      if child.hub == hub and child.works then count = count + 1 end
    end
  end
  world:expect(count == COUNT, "the others run all", ("%d of hub %s"):format(count, hub))
end

-- Of the others: one that was taken for dead returns with a later one.
local function epochs(world)
  return ("%d %d"):format(world.core:epoch(world.numbers.n1), world.core:epoch(world.numbers.n3))
end

return {
  hubs = {
    { id = "all", children = static },
    { id = "quorum", children = static,
      partition_tolerance = luahub.partition_tolerance.static_quorum { size = 2, of = 3 } },
  },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:settle()
    local before = epochs(world)
    world:run_for(world.random:between(1, 3000))
    world:stall("n2", HOURS_MS)
    world:run_for(HOURS_MS - 1000)
    for _, hub in ipairs { "all", "quorum" } do expect_on_others(world, hub) end
    world:run_for(1000)
    world:settle(60000)
    world:expect(epochs(world) == before, "nobody else was taken for dead", before .. "; then " .. epochs(world))
  end,
}
