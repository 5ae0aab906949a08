-- strategy.lua - what a strategy of each kind must have; makes the built-in ones and checks a user's own.
--
-- A strategy is a table of functions that answer questions and do nothing else: the node carries their answers out.
-- They run in the main program and must return at once. The built-in ones are also known to the C core by their
-- kind, which then asks nobody; a user's table is "custom" and is asked (luahub.policy).

local argument = require("luahub.argument")
local moving = require("luahub.moving")
local option = require("luahub.option")

---@class luahub.View
---@field nodes string[]  names of the nodes that may be used, sorted
---@field weights? table<string, number>                 of place(): by node
---@field labels? table<string, table<string, string>>   of place(): by node
---@field self string     this node's name
---@field hub string      the hub's id

---@class luahub.Distribution
---@field place fun(ids: string[], view: luahub.View, options: { factor: integer }): integer[]
---                for each id `factor` indexes into view.nodes, one after another
---@field deterministic? boolean  default true: the answer depends on the arguments only
---@field init? fun(specs: luahub.ChildSpec[], options: table): boolean?, any  may refuse a start with nil and an error

---@class luahub.Migration
---@field move fun(children: { id: string, from: string, to: string }[], view: luahub.View): table
---               for each child "cold", "hot" or false (it stays)
---@field handover? boolean  hot moves hand the state over; default false
---@field consent? luahub.Consent  these as in luahub.MigrationOptions
---@field children_per_second? integer
---@field bytes_per_second? integer
---@field quiet_time? integer

---@class luahub.Redundancy
---@field factor fun(view: luahub.View): integer|"cluster_size"  on how many nodes each child runs; asked once, when the
---                 hub starts
---@field model? "active_active"|"active_passive"  as of redundancy.replication
---@field signal? "none"|"active"|"passive"|"all"  the same

---@class luahub.Synchronization
---@field propagate fun(name: string, members: string[], view: luahub.View): string[]  the nodes to send an event to

---@class luahub.PartitionTolerance
---@field may_act fun(view: luahub.View, agreed: boolean): boolean, string?  whether this side may act, and why not

local BuiltIn = { __name = "luahub.strategy" }

function BuiltIn.__tostring(strategy)
  return ("%s strategy: %s"):format(strategy.role, strategy.kind)
end

local M = {}

--- What a hub takes for each role when its configuration says nothing, and what its table must hold.
M.ROLES = { "distribution", "migration", "redundancy", "synchronization", "partition_tolerance" }

local REQUIRED = {
  distribution = "place",
  migration = "move",
  redundancy = "factor",
  synchronization = "propagate",
  partition_tolerance = "may_act",
}
local OPTIONAL = {
  distribution = { init = "function", deterministic = "boolean" },
  migration = { handover = "boolean" },
  redundancy = { model = option.replication.kinds.model, signal = option.replication.kinds.signal },
  synchronization = {},
  partition_tolerance = {},
}

--- Makes a built-in strategy.
---@param role string
---@param kind string       the core's name for it
---@param fields table      its functions and options
---@return table
function M.built_in(role, kind, fields)
  fields.role, fields.kind = role, kind
  return setmetatable(fields, BuiltIn)
end

--- True for strategies of luahub itself.
---@param strategy any
---@return boolean
function M.is_built_in(strategy)
  return getmetatable(strategy) == BuiltIn
end

--- True for a partition strategy that lets a side act only while it has a quorum.
---@param strategy table
---@return boolean
function M.needs_quorum(strategy)
  return M.is_built_in(strategy) and strategy.description ~= nil and strategy.role == "partition_tolerance"
end

-- `wanted`: the name of a type, or the words that it may be.
local function option_problem(wanted, value)
  if not wanted or value == nil then return nil end
  if type(wanted) == "string" then
    return type(value) ~= wanted and ("expected a %s, got %s"):format(wanted, type(value)) or nil
  end
  for _, word in ipairs(wanted) do
    if value == word then return nil end
  end
  return ("expected one of %s, got %s"):format(table.concat(wanted, ", "), tostring(value))
end

--- What is wrong with `strategy` for this role, as one line; nil when nothing is.
---@param role string
---@param strategy any
---@return string?
function M.problem(role, strategy)
  local example = ("a strategy of luahub.%s, or a table with the function %s"):format(role, REQUIRED[role])
  if type(strategy) == "function" then
    return ("expected %s, got a function (was it meant to be called, as in rendezvous{}?)"):format(example)
  end
  if type(strategy) ~= "table" then return ("expected %s, got %s"):format(example, type(strategy)) end
  if M.is_built_in(strategy) then
    if strategy.role ~= role then return ("expected %s, got a %s"):format(example, tostring(strategy)) end
    return nil
  end
  local needed = REQUIRED[role]
  if type(strategy[needed]) ~= "function" then
    local names = {}
    for name in pairs(strategy) do
      names[#names + 1] = tostring(name)
    end
    local near = argument.nearest(needed, names)
    return ("expected %s; it has none%s"):format(example, near and (" (is '%s' meant?)"):format(near) or "")
  end
  for _, name in ipairs({ "deterministic", "handover", "init", "model", "signal" }) do
    local problem = option_problem(OPTIONAL[role][name], strategy[name])
    if problem then return name .. ": " .. problem end
  end
  return role == "migration" and moving.problem(strategy) or nil
end

local function describe_migration(strategy, out)
  out.handover = strategy.handover == true
  for name, value in pairs(moving.described(strategy)) do
    out[name] = value
  end
end

--- What the core needs to know of a checked strategy: plain data.
---@param role string
---@param strategy table
---@return { kind: string, deterministic: boolean?, handover: boolean?, consent: table?, init: boolean?,
---  factor: integer?, one_active: boolean?, tells_active: boolean?, tells_passive: boolean? }
function M.describe(role, strategy)
  local out = { kind = M.is_built_in(strategy) and strategy.kind or "custom" }
  for name, value in pairs(M.is_built_in(strategy) and strategy.description or {}) do
    out[name] = value
  end
  if role == "distribution" then
    out.deterministic = strategy.deterministic ~= false
    out.init = type(strategy.init) == "function"
  elseif role == "migration" then
    describe_migration(strategy, out)
  elseif role == "redundancy" then
    out.kind = M.is_built_in(strategy) and strategy.kind or "singularity"
  elseif role == "synchronization" and out.kind == "gossip" then
    out.recipients = strategy.recipients
  end
  return out
end

return M
