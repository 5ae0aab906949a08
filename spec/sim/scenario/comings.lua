-- A thousand random joins and leaves, several at once, of twenty nodes with two thousand children, and all is whole.
local CHILDREN, CHANGES, AWAY_MAX = 2000, 1000, 10

-- Of the nodes that may come or go now, one; it comes if it is away.
local function change(world, away)
  local name = "n" .. world.random:between(2, #world:nodes())
  if not world:is_up(name) then
    away[name] = nil
    return world:restart(name)
  end
  local count = 0
  for _ in pairs(away) do
    count = count + 1
  end
  if away[name] or count >= AWAY_MAX or not world:leave(name) then return false end
  away[name] = true
  return true
end

return {
  hubs = { { id = "shop" } },
  nodes = 20,
  run = function(world)
    world:cluster(world.node_count)
    for first = 1, CHILDREN, 500 do
      local specs = {}
      for i = first, first + 499 do
        specs[#specs + 1] = { id = "c" .. i, start = { "quiet" } }
      end
      world:expect(#assert(world:start(specs)).ids == 500, "all are started")
    end
    local away, changes = {}, 0
    while changes < CHANGES do
      for _ = 1, world.random:between(1, 4) do
        if change(world, away) then changes = changes + 1 end
      end
      world:run_for(world.random:between(10, 2000))
    end
    world:settle()
  end,
}
