-- sim/chaos.lua - faults and operations drawn from the seed.
--
-- Each seed gets a subset of the kinds, and rates of its own, so that some runs are all crashes and some all cuts. What
-- happens when is planned before it happens and does not depend on it: a plan can be cut down to what still fails.
-- One node, the keeper, never goes down.
--
--   safety mode     faults until the end; then rest
--   liveness mode   after two thirds a healthy core is chosen: inside it faults stop, and it must come to rest while
--                   the others, cut off or down, go on failing; then rest for all
--
-- S1 to S12 hold at every tick, L1 to L6 whenever there is rest.

local fault = require("luahub.sim.fault")
local liveness = require("luahub.sim.liveness")
local operation = require("luahub.sim.operation")
local random = require("luahub.sim.random")
local safety = require("luahub.sim.safety")

local M = {}

-- Who is cut off has to be found out first, which takes longest of a newcomer that only one node knew and of one that
-- is still heard; so has a stream whose record has a damaged length.
local LATER_MS = 15000

local MODES = { "safety", "liveness" }

local function kind_of(name)
  return fault.KIND[name] or operation.KIND[name]
end

-- A subset that is never empty.
local function draw_kinds(r, allowed)
  local kinds = {}
  for _, kind in ipairs(allowed) do
    if r:once_in(3) then kinds[#kinds + 1] = kind end
  end
  return #kinds > 0 and kinds or { r:pick(allowed) }
end

local function draw_steps(out, r, kinds, names, ms, gap)
  local at = 0
  while true do
    at = at + r:between(gap // 8 + 1, gap)
    if at >= ms then return end
    local kind = r:pick(kinds)
    out[#out + 1] = { at = at, order = #out, kind = kind, drawn = kind_of(kind).draw(r, names) }
  end
end

local function draw_core(r, names)
  local others = r:shuffle(names.others)
  local size = r:between(#names.all // 2, #others)
  local inside = { [names.keeper] = true }
  for i = 1, size do
    inside[others[i]] = true
  end
  local one_way = r:pick({ "deaf", "mute" })
  local hows = r:once_in(3) and { one_way } or { "down", "cut" }
  local core, outside = {}, {}
  for _, name in ipairs(names.all) do
    if inside[name] then
      core[#core + 1] = name
    else
      outside[#outside + 1] = { name = name, how = r:pick(hows) }
    end
  end
  return core, outside
end

--- The plan of a seed: a list of { at, kind, drawn }, and { mode, core, outside, core_at }.
---@param seed integer
---@param options { ms: integer, names: string[], faults: string[]?, operations: boolean, mode: string? }
function M.plan(seed, options)
  local r = random.new(seed ~ 0x5DEECE66D)
  local names = { all = options.names, others = table.move(options.names, 2, #options.names, 1, {}) }
  names.keeper = options.names[1]
  local out = { mode = options.mode or r:pick(MODES), names = table.move(options.names, 1, #options.names, 1, {}) }
  out.kinds = draw_kinds(r, options.faults or fault.NAMES)
  draw_steps(out, r, out.kinds, names, options.ms, r:pick({ 1000, 4000, 4000, 10000 }))
  if options.operations then
    draw_steps(out, r, draw_kinds(r, operation.NAMES), names, options.ms, r:pick({ 500, 2000, 5000 }))
  end
  table.sort(out, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.order < b.order
  end)
  for i, step in ipairs(out) do
    step.number = i
  end
  out.core, out.outside = draw_core(r, names)
  out.core_at = options.ms * 2 // 3
  return out
end

-- The nodes of a list that are there.
local function present(names, without)
  local out = {}
  for _, name in ipairs(names) do
    if not without[name] then out[#out + 1] = name end
  end
  return out
end

local function is_kept(step, without, only)
  if only and not only[step.number] then return false end
  for _, name in ipairs(step.drawn.nodes or {}) do
    if without[name] then return false end
  end
  return true
end

--- The plan without the nodes that are left out and all that concerns them, and of its steps only those wanted.
---@param plan table
---@param without table<string, boolean>
---@param only table<integer, boolean>?
local function cut_down(plan, without, only)
  local out = { mode = plan.mode, kinds = plan.kinds, core_at = plan.core_at, size = #plan, names = plan.names }
  for _, step in ipairs(plan) do
    if is_kept(step, without, only) then
      if step.drawn.group then step.drawn.group = present(step.drawn.group, without) end
      out[#out + 1] = step
    end
  end
  out.core, out.outside = present(plan.core, without), {}
  for _, one in ipairs(plan.outside) do
    if not without[one.name] then out.outside[#out.outside + 1] = one end
  end
  return out
end

-- ---- carrying it out ----

-- What ends a fault later: a list of { at, fn }, in order of time.
local function after(world, at, fn)
  local later = world.later
  local i = #later + 1
  while i > 1 and later[i - 1].at > at do
    i = i - 1
  end
  table.insert(later, i, { at = at, fn = fn })
end

local function carry_out(world, step)
  kind_of(step.kind).act(world, step.drawn, function(ms, fn)
    after(world, world:now() + ms, fn)
  end)
end

local function run_until(world, at)
  while world.later[1] and world.later[1].at <= at do
    local entry = table.remove(world.later, 1)
    if entry.at > world:now() then world:run_for(entry.at - world:now()) end
    entry.fn()
  end
  if at > world:now() then world:run_for(at - world:now()) end
end

-- A copy of a node outside would be inside.
local function is_outside(plan, step)
  if not fault.KIND[step.kind] or not step.drawn.nodes or step.kind == "clone" then return false end
  for _, name in ipairs(step.drawn.nodes) do
    for _, inside in ipairs(plan.core) do
      if name == inside then return false end
    end
  end
  return true
end

local function has_damage(plan)
  for _, step in ipairs(plan) do
    if step.kind == "corrupt" then return true end
  end
  return false
end

-- Those of the plan that are still there, and all that came later.
local function with_newcomers(world, plan)
  local core, planned = present(plan.core, world.without), {}
  for _, name in ipairs(plan.names) do
    planned[name] = true
  end
  for _, name in ipairs(world:nodes()) do
    if not planned[name] then core[#core + 1] = name end
  end
  return core
end

-- Cuts the others off, each in its way, and lets them go on failing.
local function choose_core(world, plan, until_at)
  local core = with_newcomers(world, plan)
  world:note("from now on %s have no faults", table.concat(core, " "))
  world.later = {}
  world:heal()
  for _, one in ipairs(plan.outside) do
    world:isolate(one.name, core, one.how)
  end
  for _, step in ipairs(plan) do
    local at = world.chaos_began + step.at
    if at >= world:now() and at < until_at and is_outside(plan, step) then
      after(world, at, function()
        carry_out(world, step)
      end)
    end
  end
  world.ticker = function()
    while world.later[1] and world.later[1].at <= world:now() do
      table.remove(world.later, 1).fn()
    end
  end
  world:recover_nodes(core)
  liveness.converge(world, core, { later = (#plan.outside > 0 or has_damage(plan)) and LATER_MS or 0 })
  world:note("the core is at rest")
  world.ticker, world.later = nil, {}
end

local function watch(world)
  world:always_each(function()
    return safety.broken(world)
  end)
end

local function start_probes(world, options)
  if not options.children then return end
  local specs = {}
  for _, hub in ipairs(world.hubs) do
    for i = 1, options.children do
      specs[i] = operation.spec(world)
    end
    world:start(specs, { hub = hub.id })
    specs = {}
  end
end

--- Faults for `minutes` (default: the run's, else 1), then rest: everything must be whole again.
---@class luahub.sim.Chaos
---@field minutes? number
---@field faults? string[]     of luahub.sim.fault.NAMES; default all
---@field children? integer    so many children in each hub that are started, stopped, called meanwhile; default none
---@field mode? "safety"|"liveness"  default: the seed decides
---@field rest? integer        ms in which all must be at rest in the end

---@param world luahub.sim.World
---@param options luahub.sim.Chaos
function M.run(world, options)
  for _, kind in ipairs(options.faults or {}) do
    if not fault.KIND[kind] then error(("no fault is called '%s'"):format(tostring(kind)), 3) end
  end
  local names = world.names
  if #names < 2 then error("chaos needs two nodes or more", 3) end
  local ms = math.floor((options.minutes or world.minutes or 1) * 60000)
  local plan = M.plan(world.seed, {
    ms = ms, names = names, faults = options.faults, operations = options.children ~= nil, mode = options.mode,
  })
  plan = cut_down(plan, world.without, world.only)
  world.plan, world.later, world.keeper = plan, {}, names[1]
  start_probes(world, options)
  watch(world)
  world.chaos_began = world:now()
  local stop_at = plan.mode == "liveness" and plan.core_at or ms
  for _, step in ipairs(plan) do
    if step.at < stop_at then
      run_until(world, world.chaos_began + step.at)
      carry_out(world, step)
    end
  end
  run_until(world, world.chaos_began + stop_at)
  if plan.mode == "liveness" and #plan.core > 1 then choose_core(world, plan, world.chaos_began + ms) end
  world:settle(options.rest, has_damage(plan) and LATER_MS or 0)
end

return M
