-- distribution.lua - who gets which child: the built-in distribution strategies.
--
-- All hash names, so that a node that returns gets its children back. The core computes them by itself while the hub
-- works; place() is the same computation, to be tried out and explained. Those that count children have none to count
-- there but the ones that they are asked for.

local core = require("luahub.core")
local argument = require("luahub.argument")
local facts = require("luahub.facts")
local option = require("luahub.option")
local placement = require("luahub.placement")
local strategy = require("luahub.strategy")

local M = {}

local BOUND_MAX = 1000

local function thousandths(where, weights)
  local out = {}
  for name, weight in pairs(weights) do
    if type(name) ~= "string" then
      error(("%s: weights: expected { node = weight }, got the key %s"):format(where, tostring(name)), 5)
    end
    facts.check_weight(("%s: weights.%s"):format(where, name), weight, function(path, message)
      error(("%s: %s"):format(path, message), 7)
    end)
    out[name] = facts.thousandths(weight)
  end
  return out
end

local function bound(where, bounded)
  if bounded < 1 or bounded > BOUND_MAX then
    error(("%s: bounded: expected a number from 1 to %d, got %s"):format(where, BOUND_MAX, tostring(bounded)), 5)
  end
  return facts.thousandths(bounded)
end

-- What the core is told of it.
local function describe(where, kind, options)
  local description = { kind = kind, pinned = options.pinned }
  if options.weights then description.weights = thousandths(where, options.weights) end
  if options.bounded then description.bounded = bound(where, options.bounded) end
  local problem = options.placement and placement.problem("placement", options.placement)
  if problem then error(("%s: %s"):format(where, problem), 4) end
  description.placement = options.placement
  return description
end

local function facts_of(view)
  local weights, labels = {}, {}
  for name, weight in pairs(view.weights or {}) do
    weights[name] = facts.thousandths(weight)
  end
  for name, own in pairs(view.labels or {}) do
    labels[name] = facts.text(own)
  end
  return weights, labels
end

local function make(name, kind, options)
  local where = "distribution." .. name
  options = argument.options(where, options, option[name], 3)
  local description = describe(where, kind, options)
  return strategy.built_in("distribution", kind, {
    deterministic = not (description.bounded or kind == "load"),
    description = description,
    place = function(ids, view)
      local weights, labels = facts_of(view)
      return core.place(description, ids, view.nodes, weights, labels)
    end,
  })
end

--- Rendezvous hashing, the default: each child goes to the node whose hash with it is highest. Adding a node moves
--- only the children that the new node wins. Nodes get children in proportion to their weights; with `bounded` none
--- takes more than so many times its share.
---@param options? { weights: table<string, number>?, bounded: number?, placement: luahub.Placement? }
---@return luahub.Distribution
function M.rendezvous(options)
  local made = make("rendezvous", "rendezvous", options)
  return made
end

--- Consistent hashing: a ring of 256 points for each node, times its weight.
---@param options? { weights: table<string, number>?, placement: luahub.Placement? }
---@return luahub.Distribution
function M.consistent_hashing(options)
  local made = make("consistent_hashing", "ring", options)
  return made
end

--- Each start says where its children are to run: `child_mapping`, or the placement of their specs. While that node is
--- away they run elsewhere, unless `pinned`; when it returns they go back.
---@param options? { pinned: boolean?, weights: table<string, number>? }
---@return luahub.Distribution
function M.guided(options)
  local made = make("guided", "guided", options)
  return made
end

--- Each new child goes to the less loaded of the first two nodes by its hash (by its children, which count for more
--- where heaps wait for a thread), and stays there while that node lives.
---@param options? { weights: table<string, number>?, placement: luahub.Placement? }
---@return luahub.Distribution
function M.load_balancer(options)
  local made = make("load_balancer", "load", options)
  return made
end

return M
