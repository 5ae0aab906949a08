-- sim/invariant.lua - what must hold of a cluster at rest, one question a function: (world, names), where `names` are
-- the nodes that are looked at, by default all that are up.
--
-- Nothing is lost: each child whose start was acknowledged, and whose stop nobody asked for, has a body. Nothing is
-- doubled: no child has two. What was stopped stays stopped. All views name the nodes that run, all registries are
-- equal, and they say what is true. Bodies are counted where they live, without asking the registry. What must hold
-- at every time is in luahub.sim.safety, what must hold within a time in luahub.sim.liveness.

local truth = require("luahub.sim.truth")

local M = {}

local sorted_keys = truth.sorted

local function set_of(names)
  local out = {}
  for _, name in ipairs(names) do
    out[name] = true
  end
  return out
end

-- `which`: "all"; "at work", without those prepared for a move, or ending; "there", of those with init over.
local function is_one(body, which)
  return which == "all" or body.works and (which == "at work" or not body.starts)
end

local function count_bodies(census, names, which)
  local looked_at, out = set_of(names), {}
  for hub, children in pairs(census) do
    local found = {}
    out[hub] = found
    for id, list in pairs(children) do
      for _, body in ipairs(list) do
        if looked_at[body.node] and is_one(body, which) then
          found[id] = found[id] or {}
          table.insert(found[id], body.node)
        end
      end
    end
  end
  return out
end

-- hub -> id -> list of nodes that have a body of it, such a one. Counted once for each census, since many questions are
-- asked of one.
local function bodies(world, names, which)
  names = names or world:nodes(true)
  local census, key = world:bodies(), which .. " " .. table.concat(names, " ")
  if world.counted_of ~= census then
    world.counted_of, world.counted = census, {}
  end
  world.counted[key] = world.counted[key] or count_bodies(census, names, which)
  return world.counted[key]
end

local function first_of(world, names, problem_of, which)
  local found = bodies(world, names, which or "all")
  for _, hub in ipairs(world.hubs) do
    local problem = problem_of(hub.id, found[hub.id] or {})
    if problem then return false, problem end
  end
  return true
end

local function has(list, hub, id)
  for _, entry in ipairs(list or {}) do
    if entry.id == id and (entry.hub or hub) == hub then return true end
  end
  return false
end

-- A node that returns forgets those whom it does not meet again: what they run, and nobody among `names` knows of, is
-- not lost. They bring it back, or S6 finds that nobody knows.
local function is_outside(world, names, hub, id)
  for _, name in ipairs(names or {}) do
    local number = world.numbers[name]
    if has(world:rows(name, hub), hub, id) or has(world.core:ghosts(number), hub, id) then return false end
  end
  return names ~= nil and world.keeper ~= nil and world.core:knows(hub, id)
end

--- Whether none of the nodes has the quorum that the hub needs: its children wait, until members return or somebody
--- resets it.
function M.waits_for_members(world, names, hub)
  for _, name in ipairs(names or world:nodes(true)) do
    local partitioned, has_quorum = world.core:partitioned(world.numbers[name], hub)
    if has_quorum or not partitioned then return false end
  end
  return true
end

--- Every wanted child has a body.
function M.nothing_lost(world, names)
  return first_of(world, names, function(hub, found)
    if M.waits_for_members(world, names, hub) then return end
    for _, id in ipairs(sorted_keys(world.wanted[hub])) do
      if not found[id] and not is_outside(world, names, hub, id) then
        return ("child %s of hub %s runs nowhere"):format(id, hub)
      end
    end
  end)
end

--- No child has two bodies.
function M.nothing_doubled(world, names)
  return first_of(world, names, function(hub, found)
    for _, id in ipairs(sorted_keys(found)) do
      if #found[id] > 1 then
        return ("child %s of hub %s runs on %s"):format(id, hub, table.concat(found[id], " and "))
      end
    end
  end, "at work")
end

--- What was stopped does not run.
function M.stopped_stays_stopped(world, names)
  return first_of(world, names, function(hub, found)
    for _, id in ipairs(sorted_keys(world.stopped[hub])) do
      if found[id] then return ("child %s of hub %s was stopped and runs on %s"):format(id, hub, found[id][1]) end
    end
  end)
end

--- All registries hold the same.
function M.registries_equal(world, names)
  local first, first_name
  for _, name in ipairs(names or world:nodes(true)) do
    local digest = world.core:digest(world.numbers[name])
    if not world.core:is_whole(world.numbers[name]) then return false, ("%s lacks rows of the living"):format(name) end
    if first and digest ~= first then return false, ("the registries of %s and %s differ"):format(first_name, name) end
    first, first_name = first or digest, first_name or name
  end
  return true
end

-- A node that met another of its name goes on as name#digits.
local function given_name(name)
  local at = name:find("#", 1, true)
  return at and name:sub(1, at - 1) or name
end

local function is_in(list, wanted)
  for _, entry in ipairs(list or {}) do
    if entry == wanted then return true end
  end
  return false
end

-- The first thing that is wrong about what one node says of one hub. A child whose init is not over has a body, and no
-- row or one that does not run yet; while it moves that row is still where it comes from.
local function problem_of_rows(name, rows, found, there)
  local said, on_its_way = {}, {}
  for _, row in ipairs(rows) do
    local node = given_name(row.node)
    said[row.id .. "\0" .. node] = true
    on_its_way[row.id] = on_its_way[row.id] or not row.runs
    if row.runs and not is_in(found[row.id], node) then
      return ("%s says that %s runs on %s"):format(name, row.id, row.node)
    end
  end
  for _, id in ipairs(sorted_keys(there)) do
    for _, node in ipairs(there[id]) do
      if not said[id .. "\0" .. node] and not on_its_way[id] then
        return ("%s does not know of %s on %s"):format(name, id, node)
      end
    end
  end
end

local function untrue_registry(world, names)
  local found, there = bodies(world, names, "all"), bodies(world, names, "there")
  for _, hub in ipairs(world.hubs) do
    for _, name in ipairs(names) do
      local rows = world:rows(name, hub.id)
      local problem = problem_of_rows(name, rows, found[hub.id] or {}, there[hub.id] or {})
      if problem then return problem end
    end
  end
end

-- A check whose answer is the same until a body or a registry changes: what held is not looked at again.
local function until_changed(check)
  return function(world, names)
    names = names or world:nodes(true)
    local key = ("%d %d %s"):format(world.core:bodies(), world.core:registries(), table.concat(names, " "))
    if world.held_at[check] == key then return true end
    local problem = check(world, names)
    if problem then return false, problem end
    world.held_at[check] = key
    return true
  end
end

--- Each registry says what runs where.
M.registries_true = until_changed(untrue_registry)

-- The generation that a node's registry gives each child that runs there itself, by id.
local function own_generations(world, name, hub)
  local out = {}
  for _, row in ipairs(world:rows(name, hub)) do
    if row.runs and given_name(row.node) == name then out[row.id] = row.generation end
  end
  return out
end

local function unknown_generation(world, names)
  for _, hub in ipairs(world.hubs) do
    for _, name in ipairs(names) do
      local said = own_generations(world, name, hub.id)
      for _, child in ipairs(world:children(name)) do
        local row = child.hub == hub.id and child.works and said[child.id]
        if row and row ~= child.generation then
          local text = "child %s runs on %s at generation %d and knows of %d"
          return text:format(child.id, name, row, child.generation)
        end
      end
    end
  end
end

--- Each child at work knows the generation that the registry gives it: what it does outside is fenced by that.
M.generations_known = until_changed(unknown_generation)

--- The generation at which each node's own registry says that it runs each child: node -> hub -> id ->
--- generation.
function M.generations(world, names)
  local out = {}
  for _, name in ipairs(names or world:nodes(true)) do
    out[name] = {}
    for _, hub in ipairs(world.hubs) do
      out[name][hub.id] = own_generations(world, name, hub.id)
    end
  end
  return out
end

-- The highest of a child. What ran where the disk had been copied, and has ended since, does not count: of two
-- processes of one identity the earlier one may end unheard.
local function highest(world, generations, hub)
  local out = {}
  for _, name in ipairs(sorted_keys(generations)) do
    for id, generation in pairs(world.without[name] and {} or generations[name][hub]) do
      out[id] = math.max(out[id] or 0, generation)
    end
  end
  return out
end

--- No child works at a lower generation than it had in `world.generations`, what generations() said before: what it
--- does outside would be taken for that of an older instance.
function M.generations_kept(world, names)
  local current = M.generations(world, names)
  for _, hub in ipairs(world.hubs) do
    local before, now = highest(world, world.generations or {}, hub.id), highest(world, current, hub.id)
    for _, id in ipairs(sorted_keys(before)) do
      if now[id] and now[id] < before[id] then
        return false, ("child %s works at generation %d and was at %d"):format(id, now[id], before[id])
      end
    end
  end
  return true
end

--- All views name the nodes that are looked at, and no others. Who is only suspected is in the view, and nobody is
--- about to leave.
function M.views_equal(world, names)
  names = names or world:nodes(true)
  local wanted = set_of(names)
  for _, name in ipairs(names) do
    if not world.booted[name] then return false, ("%s has not started its hubs"):format(name) end
    local alive, strange = 0, nil
    for _, member in ipairs(world.core:members(world.numbers[name])) do
      if member.state == "leaving" then return false, ("%s sees %s leave"):format(name, member.name) end
      if member.state == "alive" or member.state == "suspect" then
        alive = alive + 1
        if not wanted[given_name(member.name)] then strange = member.name end
      end
    end
    local among = table.concat(names, " ")
    if strange then return false, ("%s sees %s, which is not among %s"):format(name, strange, among) end
    if alive ~= #names then return false, ("%s sees %d nodes of %s"):format(name, alive, among) end
  end
  return true
end

return M
