-- sim/invariant.lua - what must hold whenever faults have stopped for a while.
--
-- Nothing is lost: each child whose start was acknowledged, and whose stop nobody asked for, has a body. Nothing is
-- doubled: no child has two. What was stopped stays stopped. All views name the nodes that run, all registries are
-- equal, and they say what is true. Bodies are counted where they live, without asking the registry.

local M = {}

local function sorted_keys(set)
  local out = {}
  for key in pairs(set or {}) do
    out[#out + 1] = key
  end
  table.sort(out)
  return out
end

-- hub -> id -> list of nodes that have a body of it
local function bodies(world)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      local hub = out[child.hub] or {}
      out[child.hub] = hub
      hub[child.id] = hub[child.id] or {}
      table.insert(hub[child.id], name)
    end
  end
  return out
end

local function first_of(world, problem_of)
  local found = bodies(world)
  for _, hub in ipairs(world.hubs) do
    local problem = problem_of(hub.id, found[hub.id] or {})
    if problem then return false, problem end
  end
  return true
end

--- Every wanted child has a body.
function M.nothing_lost(world)
  return first_of(world, function(hub, found)
    for _, id in ipairs(sorted_keys(world.wanted[hub])) do
      if not found[id] then return ("child %s of hub %s runs nowhere"):format(id, hub) end
    end
  end)
end

--- No child has two bodies.
function M.nothing_doubled(world)
  return first_of(world, function(hub, found)
    for _, id in ipairs(sorted_keys(found)) do
      if #found[id] > 1 then
        return ("child %s of hub %s runs on %s"):format(id, hub, table.concat(found[id], " and "))
      end
    end
  end)
end

--- What was stopped does not run.
function M.stopped_stays_stopped(world)
  return first_of(world, function(hub, found)
    for _, id in ipairs(sorted_keys(world.stopped[hub])) do
      if found[id] then return ("child %s of hub %s was stopped and runs on %s"):format(id, hub, found[id][1]) end
    end
  end)
end

--- All registries hold the same.
function M.registries_equal(world)
  local first, first_name
  for _, name in ipairs(world:nodes(true)) do
    local digest = world.core:digest(world.numbers[name])
    if first and digest ~= first then return false, ("the registries of %s and %s differ"):format(first_name, name) end
    first, first_name = first or digest, first_name or name
  end
  return true
end

--- Each registry says what runs where.
function M.registries_true(world)
  local found = bodies(world)
  for _, hub in ipairs(world.hubs) do
    for _, name in ipairs(world:nodes(true)) do
      local said, count, of_hub = world.core:rows(world.numbers[name], hub.id), 0, found[hub.id] or {}
      for _, row in ipairs(said) do
        if row.runs then
          count = count + 1
          local where = of_hub[row.id]
          if not where or where[1] ~= row.node then
            return false, ("%s says that %s runs on %s"):format(name, row.id, row.node)
          end
        end
      end
      if count ~= #sorted_keys(of_hub) then
        return false, ("%s knows of %d children where %d run"):format(name, count, #sorted_keys(of_hub))
      end
    end
  end
  return true
end

--- All views name the nodes that run, and no others.
function M.views_equal(world)
  local up = world:nodes(true)
  local wanted = table.concat(up, " ")
  for _, name in ipairs(up) do
    if not world.booted[name] then return false, ("%s has not started its hubs"):format(name) end
    local members, err = world:ask(name, "members", 5000)
    if not members then return false, ("%s does not tell its members: %s"):format(name, err.message) end
    local alive = {}
    for _, member in ipairs(members) do
      if member.state == "alive" then alive[#alive + 1] = member.name end
    end
    table.sort(alive, function(a, b)
      return world.numbers[a] < world.numbers[b]
    end)
    if table.concat(alive, " ") ~= wanted then
      return false, ("%s sees %s where %s run"):format(name, table.concat(alive, " "), wanted)
    end
  end
  return true
end

M.AT_REST = {
  { "all views are equal", M.views_equal },
  { "nothing is lost", M.nothing_lost },
  { "nothing is doubled", M.nothing_doubled },
  { "what was stopped stays stopped", M.stopped_stays_stopped },
  { "registries are equal", M.registries_equal },
  { "registries are true", M.registries_true },
}

-- The first that does not hold.
local function broken(world)
  for _, entry in ipairs(M.AT_REST) do
    local ok, problem = entry[2](world)
    if not ok then return entry[1], problem end
  end
  return nil
end

--- Waits until everything holds; then it must still hold a moment later.
function M.wait_for_rest(world, ms)
  local until_ms = world:now() + ms
  while true do
    local name, problem = broken(world)
    if not name then
      world:run_for(2000)
      name, problem = broken(world)
      if not name then return end
    end
    if world:now() >= until_ms then world:fail(name, "%s (%d ms after the last fault)", problem, ms) end
    world:run_for(500)
  end
end

return M
