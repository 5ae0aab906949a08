-- replicas.lua - children on two nodes, and on every node, one of them active, while nodes die, come back and are cut
-- off: at rest each child runs as often as it is to, and exactly one of its instances is the active one.
--
--   luahub sim examples/sim/replicas.lua --runs 100

local luahub = require("luahub")

local HUBS = {
  { id = "two", factor = 2, redundancy = luahub.redundancy.replication({ factor = 2 }) },
  {
    id = "one_of_two",
    factor = 2,
    single = true,
    redundancy = luahub.redundancy.replication({ factor = 2, model = "active_passive", signal = "all" }),
  },
  {
    id = "one_of_all",
    factor = math.huge,
    single = true,
    redundancy = luahub.redundancy.replication({ factor = "cluster_size", model = "active_passive", signal = "all" }),
  },
}
local CHILDREN = 6

local START = [[
  local hub, count = ...
  local specs = {}
  for i = 1, count do specs[i] = { id = "c" .. i, start = { "idle" } } end
  local result, err = require("luahub").hub(hub):start_children(specs, { awaitable = true }):await()
  return result and result:status() or err.message]]

-- What a node lists of a hub: for each child how many instances, how many of them active.
local LISTED = [[
  local out = {}
  for _, child in ipairs(require("luahub").hub((...)):process_list("global")) do
    local active = 0
    for _, instance in ipairs(child.instances) do
      if instance.active then active = active + 1 end
    end
    out[child.id] = { #child.instances, active }
  end
  return out]]

-- hub -> id -> how many bodies it has.
local function bodies(world)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      out[child.hub] = out[child.hub] or {}
      out[child.hub][child.id] = (out[child.hub][child.id] or 0) + 1
    end
  end
  return out
end

local function wrong(world, hub, count)
  local wanted, found = math.min(hub.factor, #world:nodes(true)), bodies(world)[hub.id] or {}
  for i = 1, count do
    local id = "c" .. i
    if found[id] ~= wanted then return ("%s has %s bodies instead of %d"):format(id, found[id], wanted) end
  end
  if next(found, nil) and count == 0 then return "what was stopped runs" end
  for _, name in ipairs(world:nodes(true)) do
    local listed = world:eval(name, LISTED, hub.id)
    for i = 1, count do
      local seen = listed and listed["c" .. i]
      if not seen or seen[1] ~= wanted then return ("%s does not list c%d %d times"):format(name, i, wanted) end
      if hub.single and seen[2] ~= 1 then return ("%s lists %d active instances of c%d"):format(name, seen[2], i) end
    end
  end
  return nil
end

local function rest(world, count)
  for _, hub in ipairs(HUBS) do
    world:eventually(hub.id .. " is at rest", function()
      local line = wrong(world, hub, count)
      return not line, line
    end, 90000)
  end
end

local function some_trouble(world)
  local r = world.random
  local node = "n" .. r:between(2, 5)
  local kind = r:between(1, 3)
  if kind == 1 then
    world:crash(node)
    world:run_for(r:between(100, 8000))
    world:restart(node)
  elseif kind == 2 then
    world:cut(node, "n1")
    world:run_for(r:between(100, 8000))
    world:heal()
  else
    world:stall(node, r:between(100, 6000))
    world:run_for(r:between(100, 8000))
  end
end

local function hubs()
  local out = {}
  for i, hub in ipairs(HUBS) do
    out[i] = { id = hub.id, redundancy = hub.redundancy }
  end
  return out
end

return {
  hubs = hubs(),
  nodes = 5,
  run = function(world)
    world:cluster(5)
    for _, hub in ipairs(HUBS) do
      local status = world:eval("n1", START, hub.id, CHILDREN)
      world:expect(status == "ok", "children start", tostring(status))
    end
    rest(world, CHILDREN)
    for _ = 1, world.random:between(1, 6) do
      some_trouble(world)
    end
    rest(world, CHILDREN)
  end,
}
