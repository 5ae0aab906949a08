-- replica_roles.lua (spec) - replicated children with one active instance, while nodes join, leave, die, are cordoned
-- and drained, and cannot run some of them: by what the children were told no two are active at a time, and at rest one
-- of each is, on the first of the nodes that have it, which every node names. Hashing places, and a user's strategy.

local luahub = require("luahub")

local HUBS = { two = 2, three = 3, all = "cluster_size", own = 2 }
local NAMES = { "two", "three", "all", "own" }
local IDS = { "c1", "c2", "c3", "c4", "c5" }
local REST_MS = 120000

local START = [[
  local specs = {}
  for i, id in ipairs((...)[2]) do specs[i] = { id = id, start = { "acting" } } end
  local result, err = require("luahub").hub((...)[1]):start_children(specs, { awaitable = true }):await()
  return result and result:status() or err.message]]

local REFUSE = [[
  local luahub = require("luahub")
  local id, name = ...
  local hub = luahub.hub(id)
  luahub.storage.insert(hub, "refused", true)
  for _, child in ipairs(hub:process_list("global")) do
    for _, instance in ipairs(child.instances) do
      if instance.node == name and instance.pid then luahub.cast(instance.pid, "fail") end
    end
  end
  return true]]

-- Whether this node takes children, and for each child where its instances are, the active ones first.
local SEEN = [[
  local hub = require("luahub").hub((...))
  local out = { takes = hub:drain_state().state == "open", children = { [""] = {} }, count = #hub:nodes() + 1 }
  for _, child in ipairs(hub:process_list("global")) do
    local active = {}
    for i, instance in ipairs(child.instances) do
      if instance.active then active[#active + 1] = instance.node end
    end
    out.children[child.id] = { active = table.concat(active, " "), first = child.instances[1].node,
      count = #child.instances }
  end
  return out]]

-- A strategy of the user's, of the hub "own": the nodes that follow one which the id's bytes choose.
local own = {
  place = function(ids, view, options)
    local out = {}
    for i = 1, options.factor do out[i] = (ids[1]:byte(-1) + i) % #view.nodes + 1 end
    return out
  end,
}

local function first_of_own(id, takers, has)
  for _, place in ipairs(own.place({ id }, { nodes = takers }, { factor = math.min(HUBS.own, #takers) })) do
    if has[takers[place]] then return takers[place] end
  end
  return nil
end

-- The first of those that have it, in the order of the distribution; of those that take none, any.
local function first_of(hub, id, takers, has)
  if hub == "own" then return first_of_own(id, takers, has) end
  local left = table.move(takers, 1, #takers, 1, {})
  while #left > 0 do
    local place = luahub.distribution.rendezvous().place({ id }, { nodes = left })[1]
    if has[left[place]] then return left[place] end
    table.remove(left, place)
  end
  return nil
end

local function child_wrong(world, hub, id, takers, seen)
  local has, active, count = world.roles:of(hub, id), {}, 0
  for name, role in pairs(has) do
    count = count + 1
    if role == "active" then active[#active + 1] = name end
    if role == "untold" then return ("%s %s was told nothing on %s"):format(hub, id, name) end
  end
  if count == 0 then
    return #takers > 0 and not world.refused[hub] and ("%s %s has no instance"):format(hub, id) or nil
  end
  if #active ~= 1 then return ("%s %s: %d of %d were told that they are active"):format(hub, id, #active, count) end
  local first = first_of(hub, id, takers, has)
  if first and first ~= active[1] then
    return ("%s %s is active on %s, its first node is %s"):format(hub, id, active[1], first)
  end
  for name, view in pairs(seen) do
    local listed = view.children[id]
    if not listed or listed.active ~= active[1] or listed.first ~= active[1] then
      return ("%s names %q for the active one of %s %s, which is on %s"):format(name, listed and listed.active, hub, id,
        active[1])
    end
  end
  return nil
end

local function hub_wrong(world, hub)
  local takers, seen = {}, {}
  local names = world:nodes(true)
  for _, name in ipairs(names) do
    if not world.booted[name] then return name .. " starts" end
    seen[name] = world:eval(name, SEEN, hub)
    if not seen[name] or seen[name].count ~= #names then return name .. " does not see all nodes" end
    if seen[name].takes then takers[#takers + 1] = name end
  end
  table.sort(takers)
  for _, id in ipairs(IDS) do
    local line = child_wrong(world, hub, id, takers, seen)
    if line then return line end
  end
  return nil
end

local function rest(world)
  for _, hub in ipairs(NAMES) do
    world:eventually("one instance is active", function()
      local line = hub_wrong(world, hub)
      return not line, line
    end, REST_MS)
  end
end

local function must(world, name, code, ...)
  local ok, err = world:eval(name, code, ...)
  if world:is_up(name) then world:expect(ok == true, "it answers", err and err.message) end
end

local function do_on(world, name, hub, call)
  world:note("%s: %s %s", name, hub, call)
  world:begin(name, "eval", nil, 90000, ([[
    local hub = require("luahub").hub(%q)
    hub:%s
    return true]]):format(hub, call))
end

-- What nobody takes stops with a node that leaves: one of the others is to.
local function somebody_takes(world, name)
  for _, other in ipairs(world:nodes(true)) do
    if other ~= name and world.booted[other] then
      for _, hub in ipairs(NAMES) do
        do_on(world, other, hub, "uncordon()")
      end
      return
    end
  end
end

local function down(world, name, how)
  world[how](world, name)
  world:run_for(world.random:between(100, 9000))
  if not world:is_up(name) then world:restart(name) end
end

local trouble = {
  function(world, name)
    down(world, name, "crash")
  end,
  function(world, name)
    somebody_takes(world, name)
    world:run_for(500)
    down(world, name, "leave")
  end,
  function(world, name, hub)
    do_on(world, name, hub, "cordon()")
  end,
  function(world, name, hub)
    do_on(world, name, hub, "drain({ deadline = 20000 })")
  end,
  function(world, name, hub)
    do_on(world, name, hub, "uncordon()")
  end,
  function(world, name, hub)
    world:note("%s refuses the children of %s", name, hub)
    world.refused[hub] = true
    must(world, name, REFUSE, hub, name)
  end,
  function(world, name, hub)
    world:note("%s takes the children of %s again", name, hub)
    must(world, name, "require('luahub').storage.remove((...), 'refused') return true", hub)
  end,
  function(world, _, hub)
    for _, each in ipairs(world:nodes(true)) do
      do_on(world, each, hub, "cordon()")
    end
  end,
  function(world)
    if #world.names < 7 then world:add() end
  end,
}

local function hubs()
  local out = {}
  for i, id in ipairs(NAMES) do
    out[i] = {
      id = id,
      distribution = id == "own" and own or nil,
      redundancy = luahub.redundancy.replication({ factor = HUBS[id], model = "active_passive", signal = "all" }),
    }
  end
  return out
end

return {
  hubs = hubs(),
  nodes = 5,
  run = function(world)
    world.refused = {}
    world:cluster(5)
    world:always("no two instances of a child are active", function()
      return #world.roles.doubled == 0, world.roles.doubled[1]
    end)
    for _, hub in ipairs(NAMES) do
      local status = world:eval("n1", START, { hub, IDS })
      world:expect(status == "ok", "children start", tostring(status))
    end
    rest(world)
    for _ = 1, world.random:between(2, 9) do
      local names = world:nodes(true)
      local name, hub = names[world.random:between(1, #names)], NAMES[world.random:between(1, #NAMES)]
      if world.booted[name] then trouble[world.random:between(1, #trouble)](world, name, hub) end
      world:run_for(world.random:between(0, 3000))
      if world.random:between(1, 3) == 1 then rest(world) end
    end
    rest(world)
  end,
}
