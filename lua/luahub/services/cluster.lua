-- cluster.lua - the nodes that run a hub, as this node sees them.
--
-- Who is a member is decided by the nodes themselves, by what they hear of each other; nobody is added or taken away by
-- hand.

local argument = require("luahub.argument")
local hub = require("luahub.hub")

local M = {}

-- FNV-1a, 64 bits.
local OFFSET, PRIME = 0xcbf29ce484222325, 0x100000001b3

--- Names of the nodes that run the hub, sorted.
---@param given luahub.Hub|string
---@param options? { include_local: boolean? }  default: without this node
---@return string[]?
---@return luahub.Failure?
function M.nodes(given, options)
  return hub.new(argument.hub_id("cluster.nodes", given)):nodes(options)
end

--- True when no node of this name runs the hub.
---@param given luahub.Hub|string
---@param name string
---@return boolean?
---@return luahub.Failure?
function M.new_node(given, name)
  local where = "cluster.new_node"
  local id = argument.hub_id(where, given)
  argument.check(where, "name", name, "text")
  local names, err = hub.new(id):nodes({ include_local = true })
  if not names then return nil, err end
  for _, known in ipairs(names) do
    if known == name then return false end
  end
  return true
end

--- A word for the members: equal on nodes that see the same ones, by name.
---@param given luahub.Hub|string
---@return string?  16 hexadecimal digits
---@return luahub.Failure?
function M.topology_signature(given)
  local names, err = hub.new(argument.hub_id("cluster.topology_signature", given)):nodes({ include_local = true })
  if not names then return nil, err end
  local hash = OFFSET
  for byte in table.concat(names, "\0"):gmatch(".") do
    hash = (hash ~ byte:byte()) * PRIME
  end
  return ("%016x"):format(hash)
end

return M
