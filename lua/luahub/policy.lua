-- policy.lua - answers the node's questions: custom strategies and immediate hook handlers of the main program.
--
-- The node asks with a kind, a hub and plain data, while the main program waits in one of luahub's functions; the
-- answer is checked here, so that a strategy that answers nonsense gets an error that names it and what was expected.
-- This module's state exists in the main program only: in every other heap nothing is installed.

local alter = require("luahub.alter")
local core = require("luahub.core")
local facts = require("luahub.facts")
local failure = require("luahub.failure")
local hook_runner = require("luahub.hook_runner")
local strategy = require("luahub.strategy")

local M = {}

-- limit: how long an immediate hook handler may compute for one event | node.hooks_failed |
-- spec/processhub/hooks_spec.lua: that computes without end is ended, and the hub answers meanwhile
local IMMEDIATE_MS = 25

local installed = false
local hubs = {} -- hub id -> { strategies = role -> strategy, handlers = key -> id -> function }

--- True in the main program of a running node.
---@return boolean
function M.is_installed()
  return installed
end

--- Remembers what a hub of this program decides with. Before the node is told of the hub: it may ask at once.
---@param hub_id string
---@param strategies table<string, table>
---@param handlers table<string, table<string, function>>
function M.open(hub_id, strategies, handlers)
  hubs[hub_id] = { strategies = strategies, handlers = handlers }
end

---@param hub_id string
function M.close(hub_id)
  hubs[hub_id] = nil
end

--- The strategy of a hub that this program started; nil elsewhere.
---@param hub_id string
---@param role string
---@return table?
function M.strategy(hub_id, role)
  local hub = hubs[hub_id]
  return hub and hub.strategies[role]
end

---@param hub_id string
---@param key string
---@param handlers table<string, function>
function M.add_handlers(hub_id, key, handlers)
  local hub = assert(hubs[hub_id], "policy.add_handlers: no such hub in this program")
  hub.handlers[key] = hub.handlers[key] or {}
  for id, handler in pairs(handlers) do
    hub.handlers[key][id] = handler
  end
end

---@param hub_id string
---@param key string
---@param ids string[]
function M.remove_handlers(hub_id, key, ids)
  local hub = hubs[hub_id]
  local handlers = hub and hub.handlers[key]
  if not handlers then return end
  for _, id in ipairs(ids) do
    handlers[id] = nil
  end
end

-- The node's name comes with each question: it may get another one.
local function view_of(hub_id, nodes, self)
  return { nodes = nodes, self = self, hub = hub_id }
end

local function refuse(hub_id, role, text, ...)
  error(("hub %s: the %s strategy's %s"):format(hub_id, role, text:format(...)), 0)
end

local function list_of(hub_id, role, fn, answer, count)
  if type(answer) ~= "table" then refuse(hub_id, role, "%s must answer a list, got %s", fn, type(answer)) end
  if count and #answer ~= count then
    refuse(hub_id, role, "%s must answer a list of %d entries, got %d", fn, count, #answer)
  end
  return answer
end

local function chosen(hub_id, role)
  local found = M.strategy(hub_id, role)
  if not found then error(("hub %s is not one of this program's"):format(tostring(hub_id)), 0) end
  return found
end

local ask = {}

-- `told` has for each node its weight in thousandths and its labels as a text.
local function add_facts(view, told)
  view.weights, view.labels = {}, {}
  for i, name in ipairs(view.nodes) do
    view.weights[name], view.labels[name] = told[i][1] / 1000, facts.labels(told[i][2])
  end
  return view
end

local function places_of(hub_id, ids, view, factor)
  local owners = chosen(hub_id, "distribution").place(ids, view, { factor = factor })
  list_of(hub_id, "distribution", "place()", owners, #ids * factor)
  for i, index in ipairs(owners) do
    if math.type(index) ~= "integer" or index < 1 or index > #view.nodes then
      refuse(hub_id, "distribution", "place() answered %s at [%d]: expected an index of view.nodes (1 to %d)",
        tostring(index), i, #view.nodes)
    end
  end
  return owners
end

function ask.place(hub_id, ids, nodes, factor, self, told)
  return places_of(hub_id, ids, add_facts(view_of(hub_id, nodes, self), told), factor)
end

local function check_different(hub_id, id, owners)
  local seen = {}
  for _, index in ipairs(owners) do
    if seen[index] then
      local text = "place() answered %d twice for %s: expected %d different nodes"
      refuse(hub_id, "distribution", text, index, id, #owners)
    end
    seen[index] = true
  end
end

--- The nodes of replicated children. All nodes must be answered the same, whatever they ask for besides: each id is
--- asked for by itself, and no node is view.self.
function ask.replicas(hub_id, ids, nodes, factor, _, told)
  local all = {}
  for i, id in ipairs(ids) do
    local view = add_facts(view_of(hub_id, table.move(nodes, 1, #nodes, 1, {}), nil), told)
    local owners = places_of(hub_id, { id }, view, factor)
    check_different(hub_id, id, owners)
    table.move(owners, 1, factor, (i - 1) * factor + 1, all)
  end
  return all
end

function ask.init(hub_id, specs, options)
  local init = chosen(hub_id, "distribution").init
  if not init then return true end
  return init(specs, options)
end

function ask.move(hub_id, ids, from, targets)
  local migration = chosen(hub_id, "migration")
  local children, seen, nodes = {}, {}, {}
  for i, id in ipairs(ids) do
    children[i] = { id = id, from = from, to = targets[i] }
    seen[targets[i]] = true
  end
  seen[from] = true
  for name in pairs(seen) do
    nodes[#nodes + 1] = name
  end
  table.sort(nodes)
  local plan = list_of(hub_id, "migration", "move()", migration.move(children, view_of(hub_id, nodes, from)), #ids)
  for i, word in ipairs(plan) do
    if word ~= "cold" and word ~= "hot" and word ~= false then
      refuse(hub_id, "migration", 'move() answered %s at [%d]: expected "cold", "hot" or false', tostring(word), i)
    end
  end
  return plan
end

function ask.propagate(hub_id, name, members, self)
  local synchronization = chosen(hub_id, "synchronization")
  local targets = synchronization.propagate(name, members, view_of(hub_id, members, self))
  list_of(hub_id, "synchronization", "propagate()", targets)
  local known = {}
  for _, member in ipairs(members) do
    known[member] = true
  end
  for i, target in ipairs(targets) do
    if not known[target] then
      refuse(hub_id, "synchronization", "propagate() answered %s at [%d]: not one of the members", tostring(target), i)
    end
  end
  return targets
end

function ask.may_act(hub_id, nodes, agreed, self)
  local tolerance = chosen(hub_id, "partition_tolerance")
  local may, reason = tolerance.may_act(view_of(hub_id, nodes, self), agreed)
  if type(may) ~= "boolean" then
    refuse(hub_id, "partition_tolerance", "may_act() must answer true or false, got %s", type(may))
  end
  return may, reason and tostring(reason)
end

local function immediate(hub_id, key, handler_id)
  local hub = hubs[hub_id]
  local handler = hub and hub.handlers[key] and hub.handlers[key][handler_id]
  if not handler then
    error(("hub %s: no immediate handler '%s' for %s in this program"):format(hub_id, handler_id, key), 0)
  end
  return handler
end

-- Raises what the handler raises, and when it computes for too long: other questions wait meanwhile.
local function within_budget(handler, data, hub_id)
  local ok, answer = core.within(IMMEDIATE_MS, handler, data, hub_id)
  if not ok then error(failure.line(answer), 0) end
  return answer
end

function ask.hook(hub_id, key, handler_id, events, count)
  local handler = immediate(hub_id, key, handler_id)
  return hook_runner.take(function(data)
    within_budget(handler, data, hub_id)
  end, events, count, function() end)
end

-- An alter hook: the handler makes a new { id, spec, metadata } of each.
function ask.alter(hub_id, key, handler_id, list)
  local handler = immediate(hub_id, key, handler_id)
  return alter.list(list, function(data)
    return within_budget(handler, data, hub_id)
  end)
end

-- An alter hook of any other key: the handler answers the value that is used from then on.
function ask.fold(hub_id, key, handler_id, value)
  local handler = immediate(hub_id, key, handler_id)
  return alter.value(value, function(data)
    return within_budget(handler, data, hub_id)
  end)
end

-- The node asks whether this program answers at all.
function ask.alive()
  return true
end

--- Answers one question; raises what the strategy raises. Called by the core while the main program waits.
---@param kind string
---@return any
function M.answer(kind, ...)
  local fn = ask[kind]
  if not fn then error(("unknown question '%s'"):format(tostring(kind)), 0) end
  return fn(...)
end

--- Lets the running node ask this program.
function M.install()
  installed = true
  core.set_policy(M.answer)
end

--- The strategies a hub uses, with the defaults for those that are not given.
---@param given table<string, table>
---@return table<string, table>
function M.with_defaults(given)
  local out = {}
  local defaults = {
    distribution = { "luahub.distribution", "rendezvous" },
    migration = { "luahub.migration", "cold_swap" },
    redundancy = { "luahub.redundancy", "singularity" },
    synchronization = { "luahub.synchronization", "pubsub" },
    partition_tolerance = { "luahub.partition_tolerance", "divergence" },
  }
  for _, role in ipairs(strategy.ROLES) do
    out[role] = given[role] or require(defaults[role][1])[defaults[role][2]]()
  end
  return out
end

return M
