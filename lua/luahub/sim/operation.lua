-- sim/operation.lua - what users do to a hub while chaos lasts: they start, stop, call and tell children, and some
-- children fail. The shape is that of luahub.sim.fault; the children are luahub.sim.probe's.
--
-- `names.keeper` is the node that never goes down: what it was told is known to one that lives, so it may not be
-- lost. What is asked of another node may be; it is done for the trouble it makes, and nothing is expected of it.

local M = {}

local KIND = {}
M.KIND = KIND

local PROBE = "luahub.sim.probe"
local CALL_MS = 3000
local FAILURES_MAX = 2 -- a child that fails more often is started again ever later

local function one_of(world, hub, place)
  local ids = {}
  for _, id in ipairs(world.sorted(world.wanted[hub])) do
    if world.probes[id] then ids[#ids + 1] = id end
  end
  if #ids == 0 then return nil end
  return ids[place % #ids + 1]
end

local function asker(drawn, world)
  local name = drawn.nodes[1]
  return world.booted[name] and name or nil
end

--- A child that nothing else is called like.
function M.spec(world, pause)
  world.next_probe = world.next_probe + 1
  local id = "p" .. world.next_probe
  world.probes[id] = true
  return { id = id, start = { PROBE, pause } }
end

local function draw_at_any_node(r, names)
  return { nodes = { r:once_in(2) and names.keeper or r:pick(names.all) }, hub = r:between(1, 1000),
    place = r:between(1, 1 << 20) }
end

local function hub_of(world, drawn)
  return world.hubs[drawn.hub % #world.hubs + 1].id
end

KIND.start = {
  draw = function(r, names)
    local drawn = draw_at_any_node(r, names)
    drawn.count = r:once_in(3) and r:between(2, 6) or 1
    drawn.pause = r:once_in(3) and r:between(1, 3000) or nil
    return drawn
  end,
  act = function(world, drawn)
    local name = asker(drawn, world)
    if not name then return end
    local specs = {}
    for i = 1, drawn.count do
      specs[i] = M.spec(world, drawn.pause)
    end
    world:begin_start(specs, { on = name, hub = hub_of(world, drawn) })
  end,
}

-- Of a child that runs, asked from a node that is there: `act(world, where, id, drawn)`, where = { on, hub }.
local function of_child(act, draw)
  return {
    draw = draw or draw_at_any_node,
    act = function(world, drawn)
      local hub = hub_of(world, drawn)
      local name, id = asker(drawn, world), one_of(world, hub, drawn.place)
      if name and id then act(world, { on = name, hub = hub }, id, drawn) end
    end,
  }
end

local function call(world, where, id, request)
  where.timeout = CALL_MS
  world:begin_call(id, request, where)
end

KIND.stop = of_child(function(world, where, id)
  world:begin_stop(id, where)
end)

KIND.call = of_child(function(world, where, id)
  call(world, where, id, { burst = world:next_burst(), place = 1 })
end)

KIND.tell = of_child(function(world, where, id, drawn)
  world:burst(id, drawn.count, where)
end, function(r, names)
  local drawn = draw_at_any_node(r, names)
  drawn.count = r:between(1, 8)
  return drawn
end)

KIND.fail = of_child(function(world, where, id)
  local times = world.failures[id] or 0
  if times >= FAILURES_MAX then return end
  world.failures[id] = times + 1
  world:note("%s is told to fail", id)
  call(world, where, id, { fail = true })
end)

M.NAMES = { "call", "fail", "start", "stop", "tell" }

return M
