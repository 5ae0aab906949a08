-- sim.lua - `require "luahub.sim"`: runs a scenario on simulated nodes, for specs and for `luahub sim`.
--
-- A scenario is a Lua file that returns a table:
--
--   hubs    as in a node's file: loaded on every simulated node, with its strategies and hooks
--   nodes   how many (default: 3 to 9, the seed decides)
--   ciphers "real": links are TLS; "imitated": they hide nothing, which is several times faster; default: each
--           fiftieth seed has the real ones
--   run     function(world): what happens and what must hold; default: a cluster of `nodes`, and chaos
--
-- The nodes are the real core; the world around them (clock, network, disk, chance) is simulated, so one seed is one
-- history. A report says whether everything held; if not, what did not, when, and how to see it again.

local failure = require("luahub.failure")
local ordered = require("luahub.core").ordered
local random = require("luahub.sim.random")
local shrink = require("luahub.sim.shrink")
local world = require("luahub.sim.world")

local NODES_MIN, NODES_MAX, MINUTES = 3, 9, 1
local REAL_CIPHERS_EACH = 50

---@class luahub.sim.Options
---@field seed? integer     default 1
---@field nodes? integer    how many nodes, instead of the file's
---@field minutes? number   virtual minutes of chaos, default 1
---@field without? string[]  nodes that are left out, with all that concerns them
---@field only? integer[]    of the steps of chaos only these; default all
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
---@field hashes integer[]    the same after each virtual second
---@field nodes string[]      that took part
---@field virtual_ms integer
---@field plan? table

local M = {}

-- What a scenario does must not depend on the order of keys, nor on chance: both are others in each process.
local function environment(chance)
  local own = { next = ordered.next, pairs = ordered.pairs, math = chance:library() }
  return setmetatable(own, { __index = _G })
end

local function load_scenario(path, seed)
  local file, problem = io.open(path, "r")
  if not file then return failure.new("invalid_config", "cannot read %s", problem) end
  file:close()
  local directory = path:match("^(.*)/[^/]*$") or "."
  local search = ("%s/?.lua;%s/?/init.lua;%s"):format(directory, directory, package.path)
  local before = package.path
  package.path = search
  local chunk, syntax = loadfile(path, "t", environment(random.new(seed)))
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
  local ciphers = scenario.ciphers
  if ciphers ~= nil and ciphers ~= "real" and ciphers ~= "imitated" then
    return failure.new("invalid_config", "%s: ciphers: 'real' or 'imitated' expected, got %s", path, tostring(ciphers))
  end
  return {
    path = path, search = search, hubs = scenario.hubs or {}, nodes = scenario.nodes, run = scenario.run,
    ciphers = ciphers,
  }
end

local function default_run(simulated)
  simulated:cluster(simulated.node_count)
  simulated:chaos()
end

local function command_line(path, options)
  local parts = { "luahub sim", path, "--seed", tostring(options.seed) }
  if options.nodes then parts[#parts + 1] = "--nodes " .. options.nodes end
  if options.minutes then parts[#parts + 1] = "--minutes " .. tostring(options.minutes) end
  if options.without and #options.without > 0 then
    parts[#parts + 1] = "--without " .. table.concat(options.without, ",")
  end
  if options.only then
    parts[#parts + 1] = "--only " .. (#options.only > 0 and shrink.as_ranges(options.only) or "none")
  end
  return table.concat(parts, " ")
end

local function trace(raised)
  if getmetatable(raised) == world.Failure then return raised end
  local text = type(raised) == "table" and raised.message or raised -- a failure that was asserted
  return { message = debug.traceback(tostring(text), 2) }
end

-- Every seed has its own number of nodes where nobody says how many.
local function node_count(scenario, options)
  return options.nodes or scenario.nodes or random.new(options.seed ~ 0x2545F491):between(NODES_MIN, NODES_MAX)
end

-- All that links do but the hiding is the same with both; most of the computing time is saved.
local function ciphers_of(scenario, options)
  return scenario.ciphers or (options.seed % REAL_CIPHERS_EACH == 0 and "real" or "imitated")
end

local function play(scenario, options)
  local simulated = world.new({
    seed = options.seed, file = scenario.path, path = scenario.search, hubs = scenario.hubs,
    listener = options.listener, ciphers = ciphers_of(scenario, options),
  })
  simulated.node_count = node_count(scenario, options)
  simulated.minutes = options.minutes or MINUTES
  simulated.without = shrink.set_of(options.without or {})
  simulated.only = options.only and shrink.set_of(options.only)
  local ok, raised = xpcall(scenario.run or default_run, trace, simulated)
  local report = {
    ok = ok, seed = options.seed, history = simulated.history, command = command_line(scenario.path, options),
    hash = simulated.core:hash(), hashes = simulated.hashes, virtual_ms = simulated:now(), plan = simulated.plan,
    without = options.without, nodes = simulated:nodes(),
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
  local scenario, err = load_scenario(path, options.seed or 1)
  if not scenario then return nil, err end
  return play(scenario, {
    seed = options.seed or 1, nodes = options.nodes, minutes = options.minutes, without = options.without,
    only = options.only, listener = options.listener,
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

--- Takes nodes, faults and operations away from a run that fails, as long as the same invariant breaks without them.
--- The report of the smallest such run, whose command shows it again; the given one where there was no chaos.
---@param path string
---@param report luahub.sim.Report
---@param options? luahub.sim.Options
---@return luahub.sim.Report
function M.shrink(path, report, options)
  if not report.plan then return report end
  options = options or {}
  return shrink.shrink(report, function(without, only)
    return (M.run(path, {
      seed = report.seed, nodes = options.nodes, minutes = options.minutes, without = without, only = only,
    }))
  end)
end

local function first_difference(a, b)
  for second = 1, math.max(#a.hashes, #b.hashes) do
    if a.hashes[second] ~= b.hashes[second] then return second end
  end
  return a.hash ~= b.hash and #a.hashes + 1 or nil
end

--- Runs a seed twice and compares the two histories each virtual second. The report of the first run; where they
--- differ it is not ok, and says when.
---@param path string
---@param options? luahub.sim.Options
---@return luahub.sim.Report?
---@return luahub.Failure?
function M.twice(path, options)
  local report, err = M.run(path, options)
  if not report then return nil, err end
  local again = assert(M.run(path, options))
  local second = first_difference(report, again)
  if second then
    report.ok, report.invariant, report.at = false, "one seed is one history", second * 1000
    report.message = ("two runs of the seed differ from second %d on"):format(second)
  end
  return report
end

return M
