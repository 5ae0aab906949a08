-- replica_everywhere.lua (spec) - an instance on every node by distributions that count, and by those of a user: at
-- rest each node has each child, one of whose instances was told that it is active; never two.

local luahub = require("luahub")

-- A user's own: by the length of the id; and one that only says where, not the same everywhere.
local own = {
  deterministic = true,
  place = function(ids, view)
    local out = {}
    for i, id in ipairs(ids) do out[i] = #id % #view.nodes + 1 end
    return out
  end,
}
local count = 0
local round = {
  deterministic = false,
  place = function(ids, view)
    local out = {}
    for i in ipairs(ids) do
      count = count + 1
      out[i] = count % #view.nodes + 1
    end
    return out
  end,
}

local DISTRIBUTIONS = {
  { "bounded", luahub.distribution.rendezvous({ bounded = 1.25 }) },
  { "load", luahub.distribution.load_balancer() },
  { "own", own },
  { "round", round },
}
local IDS = { "c1", "c22", "c333", "c4444" }

local START = [[
  local specs = {}
  for i, id in ipairs((...)[2]) do specs[i] = { id = id, start = { "acting" } } end
  local result, err = require("luahub").hub((...)[1]):start_children(specs, { awaitable = true }):await()
  return result and result:status() or err.message]]

local function wrong(world, hub)
  local names = world:nodes(true)
  for _, id in ipairs(IDS) do
    local on, active = world.roles:of(hub, id), 0
    for _, name in ipairs(names) do
      if not on[name] or on[name] == "untold" then return ("%s %s: %s on %s"):format(hub, id, on[name], name) end
      if on[name] == "active" then active = active + 1 end
    end
    if active ~= 1 then return ("%s %s: %d are active"):format(hub, id, active) end
  end
  return nil
end

local function rest(world)
  for _, one in ipairs(DISTRIBUTIONS) do
    world:eventually("each node has it, and one is active", function()
      local line = wrong(world, one[1])
      return not line, line
    end, 90000)
  end
end

local hubs = {}
for i, one in ipairs(DISTRIBUTIONS) do
  hubs[i] = {
    id = one[1],
    distribution = one[2],
    redundancy = luahub.redundancy.replication({ factor = "cluster_size", model = "active_passive", signal = "all" }),
  }
end

return {
  hubs = hubs,
  nodes = 4,
  run = function(world)
    world:cluster(4)
    world:always("no two instances of a child are active", function()
      return #world.roles.doubled == 0, world.roles.doubled[1]
    end)
    for _, one in ipairs(DISTRIBUTIONS) do
      local status = world:eval("n1", START, { one[1], IDS })
      world:expect(status == "ok", "children start", tostring(status))
    end
    rest(world)
    for _ = 1, world.random:between(1, 4) do
      local name = "n" .. world.random:between(1, 4)
      if world.random:between(1, 3) == 1 then
        if #world.names < 6 then world:add() end
      else
        world[world.random:between(1, 2) == 1 and "crash" or "leave"](world, name)
        world:run_for(world.random:between(100, 9000))
        if not world:is_up(name) then world:restart(name) end
      end
      if world.random:between(1, 2) == 1 then rest(world) end
    end
    rest(world)
  end,
}
