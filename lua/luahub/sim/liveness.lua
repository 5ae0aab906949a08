-- sim/liveness.lua - what must hold within a time once faults have stopped: L1 to L6.
--
-- Each is a function (world, names): of the nodes named, which have had no faults for a while. Others may be in any
-- state, as long as they are cut off. Nobody is asked: looking changes nothing.

local invariant = require("luahub.sim.invariant")

local M = {}

local POLL_MS, QUIET_MS, REST_MS, HALF_RECORD_MS = 250, 2000, 60000, 10000
local SEEDS_MS = 45000 -- how often, at the least, a node dials those that it has lost

--- No rows of the dead wait for a place, but for those of a hub whose members are not there.
function M.L4(world, names)
  for _, name in ipairs(names) do
    for _, ghost in ipairs(world.core:ghosts(world.numbers[name])) do
      if not invariant.waits_for_members(world, names, ghost.hub) then
        return false, ("%s holds the row of %s of %s (epoch %d), which is dead"):format(name, ghost.id, ghost.node,
          ghost.epoch)
      end
    end
  end
  return true
end

--- Nobody is suspected. Of nodes that are down, here as elsewhere, only L1 speaks.
function M.L5(world, names)
  for _, name in ipairs(names) do
    for _, member in ipairs(world.core:members(world.numbers[name]) or {}) do
      if member.state == "suspect" then return false, ("%s suspects %s"):format(name, member.name) end
    end
  end
  return true
end

--- Nothing that was promised is owed.
function M.L6(world, names)
  for _, name in ipairs(names) do
    local operations, callers = world.core:load(world.numbers[name])
    if operations + callers > 0 then
      return false, ("%s owes %d operations and %d answers"):format(name, operations, callers)
    end
  end
  return true
end

---@class luahub.sim.Liveness
---@field name string
---@field text string
---@field within integer  ms after the last fault
---@field after_views? boolean  ms after the views were equal
---@field check fun(world: luahub.sim.World, names: string[]): boolean, string?

---@type luahub.sim.Liveness[]
M.LIST = {
  { name = "L1", text = "all views are equal", within = 10000, check = invariant.views_equal },
  { name = "L2", text = "registries are equal", within = 5000, after_views = true, check = invariant.registries_equal },
  { name = "L2", text = "registries are true", within = 5000, after_views = true, check = invariant.registries_true },
  { name = "L2", text = "children know their generations", within = 10000, check = invariant.generations_known },
  { name = "L2", text = "generations do not go back", within = 15000, check = invariant.generations_kept },
  { name = "L3", text = "nothing is lost", within = 15000, check = invariant.nothing_lost },
  { name = "L3", text = "nothing is doubled", within = 15000, check = invariant.nothing_doubled },
  { name = "L3", text = "what was stopped stays stopped", within = 15000, check = invariant.stopped_stays_stopped },
  { name = "L4", text = "no rows of dead nodes wait", within = 15000, check = M.L4 },
  { name = "L5", text = "no suspicion remains", within = 15000, check = M.L5 },
  { name = "L6", text = "every promise is answered or timed out", within = 45000, check = M.L6 },
}

local VIEWS = M.LIST[1].text

-- When it has to hold. Registries cannot be equal or true before the views are equal, which has its own bound; and a
-- link waits for the rest of a record whose length was damaged. A node that stood still while the others went to new
-- addresses cannot find them: they find it when they dial it again.
local function bound(world, entry, held, later)
  if not entry.after_views then return entry.within + later + (world.moved_unseen and SEEDS_MS or 0) end
  return (held[VIEWS] or math.huge) + entry.within + (world.damaged and HALF_RECORD_MS or 0)
end

-- Of two nodes of one identity one has ended meanwhile.
local function still_there(world, names)
  local out = {}
  for _, name in ipairs(names) do
    if not world.without[name] then out[#out + 1] = name end
  end
  return out
end

-- Each that holds now for the first time; the first that does not hold, and whether one is late.
local function look(world, names, held, began, later)
  local first
  for _, entry in ipairs(M.LIST) do
    local ok, problem = entry.check(world, names)
    if ok then
      held[entry.text] = held[entry.text] or world:now() - began
    else
      first = first or { entry = entry, problem = problem }
      if not held[entry.text] and world:now() - began > bound(world, entry, held, later) then
        return { entry = entry, problem = problem }, true
      end
    end
  end
  return first, false
end

--- Waits until all hold together for two seconds. Each must have held by its time. Answers when each first did.
---@param world luahub.sim.World
---@param names string[]
---@param options? { ms: integer?, later: integer? }  all together within ms, default 60000; each may be `later`
---@return table<string, integer>  ms since the call
function M.converge(world, names, options)
  local ms, later = options and options.ms or REST_MS, options and options.later or 0
  if world.moved_unseen then ms = ms + SEEDS_MS end
  local began, held, quiet_since = world:now(), {}, nil
  world.generations = invariant.generations(world, names)
  while true do
    local broken, late = look(world, still_there(world, names), held, began, later)
    local over = world:now() - began > ms
    if broken and (late or over) then
      world:fail(broken.entry.name .. ": " .. broken.entry.text, "%s (%d ms after the last fault)", broken.problem,
        world:now() - began)
    end
    quiet_since = not broken and (quiet_since or world:now()) or nil
    if quiet_since and world:now() - quiet_since >= QUIET_MS then return held end
    world:run_for(POLL_MS)
  end
end

return M
