-- redundancy.lua - how many instances a child has: the built-in strategies.

local argument = require("luahub.argument")
local option = require("luahub.option")
local spec = require("luahub.spec")
local strategy = require("luahub.strategy")

local FACTOR = 2
local FACTOR_MAX = 4096 -- the members of a cluster
local ALL = 0xffffffff -- what the core takes for a node each

local M = {}

--- One instance of each child in the whole cluster.
---@param options? table  none yet
---@return luahub.Redundancy
function M.singularity(options)
  argument.options("redundancy.singularity", options, option.singularity)
  return strategy.built_in("redundancy", "singularity", {
    factor = function()
      return 1
    end,
  })
end

local function instances_of(factor)
  if factor == "cluster_size" then return ALL end
  if math.type(factor) == "integer" and factor >= 1 and factor <= FACTOR_MAX then return factor end
  local text = 'redundancy.replication: factor: expected a whole number from 1 to %d or "cluster_size", got %s'
  error(text:format(FACTOR_MAX, spec.shown(factor)), 3)
end

--- Instances of each child on several nodes at a time. Where the hub has fewer nodes, the missing ones start when nodes
--- join.
---@param options? { factor: (integer|"cluster_size")?, model: string?, signal: string? }
---@return luahub.Redundancy
function M.replication(options)
  options = argument.options("redundancy.replication", options, option.replication)
  local instances = instances_of(options.factor == nil and FACTOR or options.factor)
  local signal = options.signal or "none"
  return strategy.built_in("redundancy", "replication", {
    description = {
      factor = instances,
      one_active = options.model == "active_passive",
      tells_active = signal == "active" or signal == "all",
      tells_passive = signal == "passive" or signal == "all",
    },
    factor = function(view)
      return instances == ALL and math.max(#view.nodes, 1) or instances
    end,
  })
end

return M
