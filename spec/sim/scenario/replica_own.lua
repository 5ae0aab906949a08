-- replica_own.lua (spec) - replication by a number where a strategy of the user's places, while nodes join, leave, are
-- killed and cut off: by the children themselves at rest each runs on exactly those nodes that the strategy names, all
-- know its role, and the first is active; and never two are, where nobody is cut off.

local luahub = require("luahub")

-- A walk over the nodes from where the letters of the id begin, by a stride that is theirs too. It is asked for one
-- child at a time and told nothing of who asks.
local own = {
  place = function(ids, view, options)
    assert(#ids == 1 and view.self == nil and options.factor <= #view.nodes, "asked in other words")
    local sum, out = 0, {}
    for i = 1, #ids[1] do sum = sum * 31 + ids[1]:byte(i) end
    for i = 1, options.factor do
      out[i] = (sum % #view.nodes + (i - 1) * (sum % 2 == 0 and 1 or -1)) % #view.nodes + 1
    end
    return out
  end,
}

local HUBS = { { "one", 1 }, { "two", 2 }, { "three", 3 } }
local IDS = { "a", "bb", "c3", "d44", "e555", "f", "gg", "h3" }

local START = [[
  local specs = {}
  for i, id in ipairs((...)[2]) do specs[i] = { id = id, start = { "acting" } } end
  local result, err = require("luahub").hub((...)[1]):start_children(specs, { awaitable = true }):await()
  return result and result:status() or err.message]]

local function count_of(on)
  local count = 0
  for _ in pairs(on) do count = count + 1 end
  return count
end

local function wrong(world, hub, factor)
  local names = world:nodes(true)
  table.sort(names)
  factor = math.min(factor, #names)
  for _, id in ipairs(IDS) do
    local on = world.roles:of(hub, id)
    for i, place in ipairs(own.place({ id }, { nodes = names }, { factor = factor })) do
      local wanted, role = i == 1 and "active" or "passive", on[names[place]]
      if role ~= wanted then return ("%s %s: %s instead of %s on %s"):format(hub, id, role, wanted, names[place]) end
    end
    if count_of(on) ~= factor then return ("%s %s: %d instances"):format(hub, id, count_of(on)) end
  end
  return nil
end

local function rest(world)
  for _, hub in ipairs(HUBS) do
    world:eventually("each child runs where the strategy says, and the first is active", function()
      local line = wrong(world, hub[1], hub[2])
      return not line, line
    end, 90000)
  end
end

local hubs = {}
for i, hub in ipairs(HUBS) do
  hubs[i] = {
    id = hub[1],
    distribution = own,
    redundancy = luahub.redundancy.replication({ factor = hub[2], model = "active_passive", signal = "all" }),
  }
end

local function trouble(world, cuts)
  local r = world.random
  local name = "n" .. r:between(1, 5)
  local kind = r:between(1, cuts and 5 or 4)
  if kind == 1 then
    if #world.names < 7 then world:add() end
  elseif kind == 4 then
    world.slow = true
    world:slow_hook(name, r:between(1, 8000)) -- the strategy answers late, or too late
    world:run_for(r:between(100, 9000))
    world:slow_hook(name, 0)
  elseif kind == 5 then
    world:isolate(name, world:nodes(), "cut")
    world:run_for(r:between(100, 9000))
    world:heal()
  else
    world[kind == 2 and "crash" or "leave"](world, name)
    world:run_for(r:between(100, 9000))
    if not world:is_up(name) then world:restart(name) end
  end
end

return {
  hubs = hubs,
  nodes = 5,
  run = function(world)
    world:cluster(5)
    local cuts = world.random:once_in(2)
    if not cuts then
      world:always("no two instances of a child are active", function()
        return #world.roles.doubled == 0, world.roles.doubled[1]
      end)
    end
    for _, hub in ipairs(HUBS) do
      local status = world:eval("n" .. world.random:between(1, 5), START, { hub[1], IDS })
      world:expect(status == "ok", "children start", tostring(status))
    end
    rest(world)
    for _ = 1, world.random:between(1, 5) do
      trouble(world, cuts)
      if world.random:between(1, 2) == 1 then rest(world) end
    end
    rest(world)
    for _, name in ipairs(world.slow and {} or world:nodes(true)) do
      local errors = world:eval(name, "return require('luahub').counters().hub.strategy_errors")
      world:expect(errors == 0, "the strategy is asked as it is to be", name .. ": " .. tostring(errors))
    end
  end,
}
