-- synchronizer.lua - how the copies of the registry agree, asked for by hand.
--
-- Nodes tell each other every change in order, and notice by its number when one is missing; so there is no round that
-- has to be run. `trigger_sync` compares all the same: numbers and digests of ledgers, never rows.

local core = require("luahub.core")
local argument = require("luahub.argument")
local registry = require("luahub.services.registry")

local M = {}

--- Compares ledgers with every other node of the hub now. What somebody misses is sent; where nothing is missing,
--- nothing happens.
---@param hub luahub.Hub|string
---@return integer?  how many nodes were asked
---@return luahub.Failure?
function M.trigger_sync(hub)
  return core.request("sync", { hub = argument.hub_id("synchronizer.trigger_sync", hub) })
end

--- What this node tells the others of its children: those of its own ledger.
---@param hub luahub.Hub|string
---@return { id: string, spec: luahub.ChildSpec, metadata: table, instances: luahub.Instance[] }[]
function M.local_sync_data(hub)
  return registry.local_data(argument.hub_id("synchronizer.local_sync_data", hub))
end

return M
