-- ring.lua - the ring of consistent hashing as a value, for scripts that place things of their own.
--
-- A ring is names and weights; which points they have on it is the core's, and the same as that of a hub with
-- distribution.consistent_hashing. Nothing changes a ring: adding and removing answer another one.

local core = require("luahub.core")
local argument = require("luahub.argument")
local facts = require("luahub.facts")
local hub = require("luahub.hub")
local members = require("luahub.members")
local option = require("luahub.option")

local WEIGHT_ONE = 1

local M = {}

---@class luahub.Ring
---@field names string[]  sorted, each once
---@field weights table<string, number>

local function make(weights)
  local names = {}
  for name in pairs(weights) do
    names[#names + 1] = name
  end
  table.sort(names)
  return { names = names, weights = weights }
end

local function check_ring(where, ring)
  local is_ring = type(ring) == "table" and type(ring.names) == "table" and type(ring.weights) == "table"
  if not is_ring then error(("%s: ring: expected a ring, got %s"):format(where, type(ring)), 3) end
end

local function weight_of(where, given)
  local problem
  facts.check_weight("weight", given or WEIGHT_ONE, function(path, message)
    problem = ("%s: %s: %s"):format(where, path, message)
  end)
  if problem then error(problem, 3) end
  return given or WEIGHT_ONE
end

local function copied(ring)
  local weights = {}
  for name, weight in pairs(ring.weights) do
    weights[name] = weight
  end
  return weights
end

--- A ring of these nodes.
---@param nodes string[]
---@param options? { weights: table<string, number>? }  1 for those that are not named
---@return luahub.Ring
function M.create_ring(nodes, options)
  local where = "ring.create_ring"
  argument.list(where, "nodes", nodes, "text")
  options = argument.options(where, options, option.ring)
  local weights = {}
  for _, name in ipairs(nodes) do
    weights[name] = weight_of(where, options.weights and options.weights[name])
  end
  for name in pairs(options.weights or {}) do
    if not weights[name] then error(("%s: weights: no node %s in this ring"):format(where, tostring(name)), 2) end
  end
  return make(weights)
end

--- The ring of the nodes that run a hub, with the weights that they say themselves.
---@param given luahub.Hub|string
---@return luahub.Ring?
---@return luahub.Failure?
function M.get_ring(given)
  local names, err = hub.new(argument.hub_id("ring.get_ring", given)):nodes({ include_local = true })
  if not names then return nil, err end
  local list
  list, err = members.list()
  if not list then return nil, err end
  local said, weights = {}, {}
  for _, member in ipairs(list) do
    if member.state ~= "dead" and member.state ~= "left" then said[member.name] = member.weight end
  end
  for _, name in ipairs(names) do
    weights[name] = said[name] or WEIGHT_ONE
  end
  return make(weights)
end

--- The ring with one node more, or with another weight of it.
---@param ring luahub.Ring
---@param node string
---@param weight? number
---@return luahub.Ring
function M.add_node(ring, node, weight)
  check_ring("ring.add_node", ring)
  argument.check("ring.add_node", "node", node, "text")
  local weights = copied(ring)
  weights[node] = weight_of("ring.add_node", weight)
  return make(weights)
end

--- The ring without that node.
---@param ring luahub.Ring
---@param node string
---@return luahub.Ring
function M.remove_node(ring, node)
  check_ring("ring.remove_node", ring)
  argument.check("ring.remove_node", "node", node, "text")
  local weights = copied(ring)
  weights[node] = nil
  return make(weights)
end

--- Its nodes, sorted.
---@param ring luahub.Ring
---@return string[]
function M.nodes(ring)
  check_ring("ring.nodes", ring)
  return table.move(ring.names, 1, #ring.names, 1, {})
end

local function first_of(names, weights, key)
  local told = {}
  for _, name in ipairs(names) do
    told[name] = facts.thousandths(weights[name])
  end
  return core.place({ kind = "ring" }, { key }, names, told, {})[1]
end

local function owners(ring, key, count)
  local left, out = table.move(ring.names, 1, #ring.names, 1, {}), {}
  while #out < count and #left > 0 do
    local place = first_of(left, ring.weights, key)
    if not place then break end -- those that are left have no weight
    out[#out + 1] = table.remove(left, place)
  end
  return out
end

local function check_key(where, key, count)
  argument.check(where, "key", key, "text", 3)
  argument.check(where, "count", count, "count", 3)
end

--- The nodes of a key, in the order of the ring from the key on: at most `count`, each once. Whoever comes first is
--- the owner; when it goes the second is.
---@param ring luahub.Ring
---@param key string
---@param count integer
---@return string[]
function M.key_to_nodes(ring, key, count)
  check_ring("ring.key_to_nodes", ring)
  check_key("ring.key_to_nodes", key, count)
  return owners(ring, key, count)
end

--- The first of the nodes of a key; nil when the ring has none.
---@param ring luahub.Ring
---@param key string
---@return string?
function M.key_to_node(ring, key)
  check_ring("ring.key_to_node", ring)
  check_key("ring.key_to_node", key, 1)
  return owners(ring, key, 1)[1]
end

return M
