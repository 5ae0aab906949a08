-- wanted_by_all.lua (spec) - every node's FILE has the same children, whose init takes a while, in a hub where a quorum
-- decides and whoever starts a child decides on its node: all run, and none in two places.
local luahub = require("luahub")

local children = {}
for i = 1, 8 do
  children[i] = { id = "s" .. i, start = { "luahub.sim.probe", 2000 } }
end

local function none_twice(world)
  local seen = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      if seen[child.id] then return false, ("%s on %s and %s"):format(child.id, seen[child.id], name) end
      seen[child.id] = name
    end
  end
  return true
end

local function rounds_of_all(world)
  local sum = { rounds = 0, started = 0, skipped_pending = 0 }
  for _, name in ipairs(world:nodes(true)) do
    local rounds = assert(world:eval(name, [[return require("luahub").storage.get("q", "rounds") or {}]]))
    for _, round in ipairs(rounds) do
      sum.rounds = sum.rounds + 1
      sum.started = sum.started + round.started
      sum.skipped_pending = sum.skipped_pending + round.skipped_pending
    end
  end
  return sum
end

return {
  hubs = {
    { id = "q", children = children, distribution = luahub.distribution.load_balancer(),
      partition_tolerance = luahub.partition_tolerance.static_quorum({ size = 2, of = 3 }),
      hooks = { reconcile_round = { { id = "hear", handler = { "rounds", "hear", "q", "rounds" } } } } },
  },
  nodes = 3,
  run = function(world)
    world:always("S2: no child runs in two places", none_twice)
    world:cluster(3)
    world:settle(60000)
    local sum = rounds_of_all(world)
    world:expect(sum.started >= #children, "rounds ask for all of them", "asked for " .. sum.started)
    world:expect(sum.skipped_pending > 0, "L3: what is under way is not asked for again")
    world:run_for(120000)
    world:expect(rounds_of_all(world).rounds == sum.rounds, "L12: where nothing is wanted there are no rounds")
  end,
}
