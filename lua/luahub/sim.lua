-- sim.lua - `require "luahub.sim"`: runs a scenario on simulated nodes, for specs and for `luahub sim`.
--
-- A scenario is a Lua file that returns a table:
--
--   hubs    as in a node's file: loaded on every simulated node, with its strategies and hooks
--   nodes   how many (default 3)
--   run     function(world): what happens and what must hold; default: a cluster of `nodes`, and chaos
--
-- The nodes are the real core; the world around them (clock, network, disk, chance) is simulated, so one seed is one
-- history. A report says whether everything held; if not, what did not, when, and how to see it again.

local failure = require("luahub.failure")
local world = require("luahub.sim.world")

local NODES, MINUTES = 3, 1
local TRIALS_MAX = 60 -- runs that shrinking may take

---@class luahub.sim.Options
---@field seed? integer     default 1
---@field nodes? integer    how many nodes, instead of the file's
---@field minutes? number   virtual minutes of chaos, default 1
---@field plan? table       the steps of chaos, instead of those the seed draws
---@field listener? fun(line: string)  gets each line of the history

---@class luahub.sim.Report
---@field ok boolean
---@field seed integer
---@field invariant? string   what did not hold
---@field message? string
---@field at? integer         virtual ms
---@field history string[]    one line an event
---@field command string      replays the run
---@field hash integer        of the whole history: equal for equal ones
---@field virtual_ms integer
---@field plan? table

local M = {}

local function load_scenario(path)
  local file, problem = io.open(path, "r")
  if not file then return failure.new("invalid_config", "cannot read %s", problem) end
  file:close()
  local directory = path:match("^(.*)/[^/]*$") or "."
  local search = ("%s/?.lua;%s/?/init.lua;%s"):format(directory, directory, package.path)
  local before = package.path
  package.path = search
  local chunk, syntax = loadfile(path, "t")
  local ran, scenario = false, syntax
  if chunk then
    ran, scenario = pcall(chunk)
  end
  package.path = before
  if not ran then return failure.new("invalid_config", "%s", tostring(scenario)) end
  if type(scenario) ~= "table" then
    return failure.new("invalid_config", "%s: must return a table { hubs = {...}, run = function }, got %s", path,
      type(scenario))
  end
  for i, hub in ipairs(scenario.hubs or {}) do
    local first
    require("luahub.config").check_hub(("hubs[%d]"):format(i), hub, function(where, text)
      first = first or ("%s: %s: %s"):format(path, where, text)
    end)
    if first then return failure.new("invalid_config", "%s", first) end
  end
  return { path = path, search = search, hubs = scenario.hubs or {}, nodes = scenario.nodes, run = scenario.run }
end

local function default_run(simulated)
  simulated:cluster(simulated.node_count)
  simulated:chaos()
end

local function command_line(path, options)
  local parts = { "luahub sim", path, "--seed", tostring(options.seed) }
  if options.nodes then parts[#parts + 1] = "--nodes " .. options.nodes end
  if options.minutes then parts[#parts + 1] = "--minutes " .. tostring(options.minutes) end
  return table.concat(parts, " ")
end

local function trace(raised)
  if getmetatable(raised) == world.Failure then return raised end
  return { message = debug.traceback(tostring(raised), 2) }
end

local function play(scenario, options)
  local simulated = world.new({
    seed = options.seed, file = scenario.path, path = scenario.search, hubs = scenario.hubs,
    listener = options.listener,
  })
  simulated.node_count = options.nodes or scenario.nodes or NODES
  simulated.minutes = options.minutes or MINUTES
  simulated.plan = options.plan
  local ok, raised = xpcall(scenario.run or default_run, trace, simulated)
  local report = {
    ok = ok, seed = options.seed, history = simulated.history, command = command_line(scenario.path, options),
    hash = simulated.core:hash(), virtual_ms = simulated:now(), plan = simulated.plan,
  }
  if not ok then
    report.invariant = raised.invariant or "the scenario runs"
    report.message, report.at = raised.message, raised.at or simulated:now()
  end
  simulated:close()
  return report
end

--- Runs a scenario once.
---@param path string  the scenario's file
---@param options? luahub.sim.Options
---@return luahub.sim.Report?
---@return luahub.Failure?  code invalid_config: the file is no scenario
function M.run(path, options)
  options = options or {}
  local scenario, err = load_scenario(path)
  if not scenario then return nil, err end
  return play(scenario, {
    seed = options.seed or 1, nodes = options.nodes, minutes = options.minutes, plan = options.plan,
    listener = options.listener,
  })
end

--- Runs a scenario for `runs` seeds from `seed` on, until one fails. The first report that is not ok, or the last.
---@param path string
---@param runs integer
---@param options? luahub.sim.Options
---@return luahub.sim.Report?
---@return luahub.Failure?
function M.search(path, runs, options)
  local report, err
  local first = options and options.seed or 1
  for seed = first, first + runs - 1 do
    report, err = M.run(path, setmetatable({ seed = seed }, { __index = options }))
    if not report or not report.ok then return report, err end
  end
  return report
end

local function without(plan, from, to)
  local out = { kinds = plan.kinds }
  for i, step in ipairs(plan) do
    if i < from or i > to then out[#out + 1] = step end
  end
  return out
end

-- A run with fewer steps that breaks the same invariant, or nil.
local function still_fails(path, options, report, plan)
  local other = M.run(path, setmetatable({ plan = plan, seed = report.seed }, { __index = options }))
  return other and not other.ok and other.invariant == report.invariant and other or nil
end

--- Takes steps of chaos away from a run that fails, as long as the same invariant breaks without them. The report of
--- the shortest such run; the given one where there was no chaos.
---@param path string
---@param report luahub.sim.Report
---@param options? luahub.sim.Options
---@return luahub.sim.Report
function M.shrink(path, report, options)
  options = options or {}
  options = { nodes = options.nodes, minutes = options.minutes }
  local size, trials = report.plan and #report.plan or 0, 0
  while size >= 1 do
    local from = 1
    while from <= #report.plan and trials < TRIALS_MAX do
      trials = trials + 1
      local shorter = without(report.plan, from, math.min(from + size - 1, #report.plan))
      local found = still_fails(path, options, report, shorter)
      if found then report = found else from = from + size end
    end
    size = size // 2
  end
  return report
end


return M
