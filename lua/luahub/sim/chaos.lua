-- sim/chaos.lua - faults drawn from the seed.
--
-- Each seed gets a subset of the kinds of fault, so that some runs are all crashes and some all cuts. What happens when
-- is planned before it happens and does not depend on it: a plan can be cut down to what still fails. One node, the
-- keeper, never goes down and asks for all starts and stops: what it was told is known to a node that lives, so it may
-- not be lost.

local random = require("luahub.sim.random")

local M = {}

local GAP_MIN_MS, GAP_MAX_MS = 100, 4000
local REST_MS = 90000

-- What a kind of fault draws when it is planned, and what it then does. An act that does not apply is passed over.
local KINDS = {}

KINDS.crash = {
  plan = function(r)
    return { r:between(2, 1000), r:between(200, 15000), r:once_in(3) }
  end,
  act = function(world, names, draw)
    local name = names.others[draw[1] % #names.others + 1]
    if draw[3] then world:vanish(name) else world:crash(name) end
    return name, "restart", draw[2]
  end,
}

KINDS.wipe = {
  plan = function(r)
    return { r:between(2, 1000), r:between(200, 15000) }
  end,
  act = function(world, names, draw)
    local name = names.others[draw[1] % #names.others + 1]
    world:crash(name)
    return name, "replace", draw[2]
  end,
}

KINDS.leave = {
  plan = function(r)
    return { r:between(2, 1000), r:between(3000, 15000) }
  end,
  act = function(world, names, draw)
    local name = names.others[draw[1] % #names.others + 1]
    world:leave(name)
    return name, "restart", draw[2]
  end,
}

KINDS.stall = {
  plan = function(r)
    return { r:between(1, 1000), r:once_in(4) and r:between(3000, 15000) or r:between(10, 3000) }
  end,
  act = function(world, names, draw)
    local name = names.all[draw[1] % #names.all + 1]
    if world:is_up(name) then world:stall(name, draw[2]) end
  end,
}

KINDS.cut = {
  plan = function(r)
    return { r:between(1, 1000), r:between(1, 999), r:once_in(2), r:between(200, 20000) }
  end,
  act = function(world, names, draw)
    local all = names.all
    local a, b = draw[1] % #all + 1, draw[2] % #all + 1
    if a == b then b = a % #all + 1 end
    if draw[3] then world:cut_one_way(all[a], all[b]) else world:cut(all[a], all[b]) end
    return nil, "heal", draw[4]
  end,
}

KINDS.split = {
  plan = function(r)
    return { r:between(1, 1 << 20), r:between(500, 25000) }
  end,
  act = function(world, names, draw)
    local group = {}
    for i, name in ipairs(names.all) do
      if draw[1] >> i & 1 == 1 then group[#group + 1] = name end
    end
    if #group == 0 or #group == #names.all then return end
    world:split(group)
    return nil, "heal", draw[2]
  end,
}

KINDS.weather = {
  plan = function(r)
    return { r:between(0, 30), r:between(0, 10), r:between(1, 400) }
  end,
  act = function(world, _, draw)
    world:drop(draw[1] / 100)
    world:duplicate(draw[2] / 100)
    world:delay(1, draw[3])
  end,
}

local NAMES = { "crash", "cut", "leave", "split", "stall", "weather", "wipe" }

-- A subset that is never empty.
local function draw_kinds(r, allowed)
  local kinds = {}
  for _, kind in ipairs(allowed) do
    if r:once_in(2) then kinds[#kinds + 1] = kind end
  end
  return #kinds > 0 and kinds or { r:pick(allowed) }
end

--- The plan of a seed: a list of { at, kind, draw }.
---@param seed integer
---@param options { ms: integer, faults: string[]?, children: boolean? }
function M.plan(seed, options)
  local r = random.new(seed ~ 0x5DEECE66D)
  local kinds = draw_kinds(r, options.faults or NAMES)
  local out, at = { kinds = kinds }, 0
  while true do
    at = at + r:between(GAP_MIN_MS, GAP_MAX_MS)
    if at >= options.ms then return out end
    local kind = r:pick(kinds)
    out[#out + 1] = { at = at, kind = kind, draw = KINDS[kind].plan(r) }
  end
end

-- What ends a fault later: a list of { at, what, name }, in order of time.
local function after(later, at, what, name)
  local i = #later + 1
  while i > 1 and later[i - 1].at > at do
    i = i - 1
  end
  table.insert(later, i, { at = at, what = what, name = name })
end

local function carry_out(world, names, later, step)
  local name, what, ms = KINDS[step.kind].act(world, names, step.draw)
  if what then after(later, world:now() + ms, what, name) end
end

local function follow_up(world, entry)
  if entry.what == "heal" then
    world:heal()
  else
    world:restart(entry.name, { disk = entry.what ~= "replace" })
  end
end

local function run_until(world, later, at)
  while later[1] and later[1].at <= at do
    local entry = table.remove(later, 1)
    if entry.at > world:now() then world:run_for(entry.at - world:now()) end
    follow_up(world, entry)
  end
  if at > world:now() then world:run_for(at - world:now()) end
end

--- Faults for `minutes` (default: the run's, else 1), then rest: everything must be whole again.
---@param world luahub.sim.World
---@param options { minutes: number?, faults: string[]?, rest: integer? }
function M.run(world, options)
  for _, kind in ipairs(options.faults or {}) do
    if not KINDS[kind] then error(("no fault is called '%s'"):format(tostring(kind)), 3) end
  end
  local ms = math.floor((options.minutes or world.minutes or 1) * 60000)
  local plan = world.plan or M.plan(world.seed, { ms = ms, faults = options.faults })
  world.plan = plan
  local names = { all = world:nodes(), others = world:nodes() }
  if #names.all < 2 then error("chaos needs two nodes or more", 3) end
  table.remove(names.others, 1) -- the keeper
  local began, later = world:now(), {}
  for _, step in ipairs(plan) do
    run_until(world, later, began + step.at)
    carry_out(world, names, later, step)
  end
  run_until(world, later, began + ms)
  world:settle(options.rest or REST_MS)
end

return M
