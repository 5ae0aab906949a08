-- sim/safety.lua - what must hold at every time, whatever fails: S1 to S12.
--
-- Each is a function of the world that answers true, or false and what was found; it looks from outside and changes
-- nothing, so that it can stand in `always`. S3, S4, S5, S8 and S10 are looked at in C after each event
-- (csrc/sim/watch.h). What concerns parts that are not there yet is PENDING, with the words of what it will be.

local strategy = require("luahub.strategy")

local M = {}

-- After trouble a cluster has so long to mend what came of it.
local MENDED_MS = 15000

local NAMES = { "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12" }

---@type table<string, string>
M.TEXT = {
  S1 = "one child has two rows of one generation only where their authors could not reach each other",
  S2 = "in a quorum mode no two instances of a child ever run at one time",
  S3 = "epoch, incarnation, sequence and generation never go back at any observer",
  S4 = "what a ledger holds at (epoch, sequence) is the same wherever it is held",
  S5 = "no row appears that its owner never wrote",
  S6 = "a start that was acknowledged is known while one of those who know lives",
  S7 = "a stopped child never runs at a generation of before its stop",
  S8 = "a fenced epoch never reappears, and no epoch is used twice",
  S9 = "a message to a child is delivered at most once, and in order of its sender",
  S10 = "queues and tables stay under their limits",
  S11 = "nothing starts where the partition strategy has not decided, or decided against it",
  S12 = "of the two ends of a handover at most one runs the child",
}

--- Those that wait for a part of luahub: what for. None just now.
---@type table<string, string>
M.PENDING = {}

-- One of the two may have been taken for dead, or cannot be told what the other did.
local function is_excused(world, a, b)
  return world:calm_for(a, b) < MENDED_MS
end

--- Rows at their authors, equal in hub, child and generation.
function M.S1(world)
  local now = world.core:registries()
  if now ~= world.clashes_of then
    world.clashes_of, world.clashes = now, world.core:clashes()
  end
  for _, clash in ipairs(world.clashes) do
    if not is_excused(world, clash.a, clash.b) then
      return false, ("%s and %s have both written child %s, generation %d"):format(clash.a, clash.b, clash.id,
        clash.generation)
    end
  end
  return true
end

-- A lease ends with time alone: whoever worked when its node was last looked at is looked at anew.
local function still_works(world, hub, id, body)
  for _, now in ipairs(body.works and world.core:children(world.numbers[body.node]) or {}) do
    if now.hub == hub and now.id == id and now.generation == body.generation then return now.works end
  end
  return false
end

-- Two that work: none of them is held, or was given up.
local function works_twice(world, hub, id, list)
  local first
  for _, body in ipairs(#list > 1 and list or {}) do
    local works = still_works(world, hub, id, body)
    if works and first then return first, body end
    if works then first = body end
  end
  return nil
end

--- By the bodies, in hubs with a quorum strategy: nothing excuses two.
function M.S2(world)
  for _, hub in ipairs(world.hubs) do
    if hub.partition_tolerance and strategy.needs_quorum(hub.partition_tolerance) then
      for id, list in pairs(world:bodies()[hub.id] or {}) do
        local a, b = works_twice(world, hub.id, id, list)
        if a then
          return false, ("child %s works on %s (generation %d) and on %s (%d)"):format(id, a.node, a.generation, b.node,
            b.generation)
        end
      end
    end
  end
  return true
end

-- What the watch in C found. It finds one thing, the first.
local function from_watch(name)
  return function(world)
    local broken, text = world.core:look()
    return broken ~= name, text
  end
end

local WATCHED = { S3 = true, S4 = true, S5 = true, S8 = true, S10 = true }

for name in pairs(WATCHED) do
  M[name] = from_watch(name)
end

-- Nodes that are gone with what they knew; one that leaves forgets before its process has ended.
local function gone(world)
  local leaving = 0
  for _ in pairs(world.leaving) do
    leaving = leaving + 1
  end
  return world.losses + leaving
end

-- At the least one other than the host knew, so two may take it along; so may trouble, when they were cut off alone.
local function may_be_forgotten(world, id)
  return gone(world) - world.losses_before[id] >= 2 or world:calm_for(table.unpack(world.names)) < MENDED_MS
end

-- A child moves while the keeper cannot hear where to; then both that know are lost. With two witnesses that is two
-- crashes, or leaves of nodes that see nobody any more: it may be lost, and is from then on not wanted.
local function may_be_lost(world, id)
  if not world.keeper then return false end
  if world.losses_before[id] then return may_be_forgotten(world, id) end
  return world:calm_for(world.keeper) < MENDED_MS and gone(world) >= 2
end

local function unknown(world, hub)
  local out = {}
  for id in pairs(world.wanted[hub]) do
    if not world.core:knows(hub, id) then out[id] = true end
  end
  return out
end

--- Each child whose start was acknowledged, and whose stop nobody asked for, stands in a ledger of a node that is up.
function M.S6(world)
  local now = world.core:registries()
  if now == world.known_of and not world.wanted_changed then return true end
  world.known_of, world.wanted_changed = now, false
  for _, hub in ipairs(world.sorted(world.wanted)) do
    for _, id in ipairs(world.sorted(unknown(world, hub))) do
      if not may_be_lost(world, id) then
        return false, ("no node knows of child %s any more, whose start was acknowledged"):format(id)
      end
      world:note("%s is lost with all who knew of it", id)
      world.wanted[hub][id] = nil
    end
  end
  return true
end

-- What was prepared for a move that was given up is no instance, and ends when its init has.
local function note_late(world, bodies)
  world.late_of, world.stopped_changed, world.late = bodies, false, {}
  for hub, stops in pairs(world.stopped) do
    for id, stop in pairs(stops) do
      for _, body in ipairs(bodies[hub] and bodies[hub][id] or {}) do
        if body.generation <= stop.generation and not body.prepared then
          table.insert(world.late, { id = id, body = body, stop = stop })
        end
      end
    end
  end
  table.sort(world.late, function(a, b)
    return a.id < b.id
  end)
end

--- Bodies of children that were stopped. A node that could not be told is excused until it can.
function M.S7(world)
  local bodies = world:bodies()
  if bodies ~= world.late_of or world.stopped_changed then note_late(world, bodies) end
  for _, late in ipairs(world.late) do
    if not is_excused(world, late.body.node, late.stop.by) then
      return false, ("child %s runs on %s at generation %d and was stopped at %d"):format(late.id, late.body.node,
        late.body.generation, late.stop.generation)
    end
  end
  return true
end

--- What children said they were given; luahub.sim.delivery keeps the account.
function M.S9(world)
  local problem = world.delivery:problem()
  return not problem, problem
end

-- The generation that ran on each node when a hub there was last seen forbidden: hub -> node -> id -> generation
local function forbidden_now(world)
  local out = {}
  for _, hub in ipairs(world.hubs) do
    if hub.partition_tolerance then
      for number, name in ipairs(world.names) do
        if world.core:partitioned(number, hub.id) then out[hub.id .. "\0" .. name] = {} end
      end
    end
  end
  return out
end

--- Where a partition strategy forbids to act no other children begin to run.
function M.S11(world)
  local now, before = forbidden_now(world), world.forbidden or {}
  world.forbidden = now
  if not next(now) then return true end
  for hub, children in pairs(world:bodies()) do
    for id, list in pairs(children) do
      for _, body in ipairs(list) do
        local key = hub .. "\0" .. body.node
        if now[key] then
          now[key][id] = true
          if before[key] and not before[key][id] then
            return false, ("child %s began to run on %s, where its hub may not act"):format(id, body.node)
          end
        end
      end
    end
  end
  return true
end

local function has_body(list, node)
  for _, body in ipairs(list or {}) do
    if body.node == node then return true end
  end
  return false
end

-- When a node that has no body of a child any more had one last: hub .. "\0" .. id -> node -> ms.
local function note_former_hosts(world, before, bodies)
  for hub, children in pairs(before) do
    local now = bodies[hub] or {}
    for id, list in pairs(children) do
      for _, body in ipairs(list) do
        if not has_body(now[id], body.node) then
          local key = hub .. "\0" .. id
          world.hosts[key] = world.hosts[key] or {}
          world.hosts[key][body.node] = world:now()
        end
      end
    end
  end
end

-- A node that was taken for dead may have handed its instance on before it learned of that.
local function came_by_trouble(world, child, a, b)
  if is_excused(world, a, b) then return true end
  for _, body in ipairs(child.list) do
    if is_excused(world, a, body.node) or is_excused(world, b, body.node) then return true end
  end
  for node, at in pairs(world.hosts[child.hub .. "\0" .. child.id] or {}) do
    local lately = node ~= a and node ~= b and world:now() - at < MENDED_MS
    if lately and (is_excused(world, a, node) or is_excused(world, b, node)) then return true end
  end
  return false
end

local function note_doubled(world, bodies)
  note_former_hosts(world, world.doubled_of or {}, bodies)
  world.doubled_of, world.doubled = bodies, {}
  for hub, children in pairs(bodies) do
    for id, list in pairs(children) do
      if #list > 1 then table.insert(world.doubled, { hub = hub, id = id, list = list }) end
    end
  end
end

--- No child works in two bodies, unless one of their nodes, or one that it came by, was taken for dead.
function M.S12(world)
  local bodies = world:bodies()
  if bodies ~= world.doubled_of then note_doubled(world, bodies) end
  for _, child in ipairs(world.doubled) do
    local first
    for _, body in ipairs(child.list) do
      if body.works and first and not came_by_trouble(world, child, first.node, body.node) then
        local text = "child %s of hub %s works on %s (generation %d) and on %s (%d)"
        return false, text:format(child.id, child.hub, first.node, first.generation, body.node, body.generation)
      end
      if body.works then first = first or body end
    end
  end
  return true
end

--- All that are there, in order: { name, text, check } or { name, text, pending }.
function M.list()
  local out = {}
  for i, name in ipairs(NAMES) do
    out[i] = { name = name, text = M.TEXT[name], check = M[name], pending = M.PENDING[name] }
  end
  return out
end

--- The first that is broken: its name and what was found; nil when all hold.
function M.broken(world)
  local watched, text = world.core:look()
  for _, name in ipairs(NAMES) do
    local ok, problem
    if WATCHED[name] then
      ok, problem = watched ~= name, text
    else
      ok, problem = M[name](world)
    end
    if not ok then return name .. ": " .. M.TEXT[name], problem end
  end
  return nil
end

return M
