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
  return nil, ('expected a whole number from 1 to %d or "cluster_size", got %s'):format(FACTOR_MAX, spec.shown(factor))
end

local function replicated(instances, model, signal)
  return strategy.built_in("redundancy", "replication", {
    description = {
      factor = instances,
      one_active = model == "active_passive",
      tells_active = signal == "active" or signal == "all",
      tells_passive = signal == "passive" or signal == "all",
    },
    factor = function(view)
      return instances == ALL and math.max(#view.nodes, 1) or instances
    end,
  })
end

--- Instances of each child on several nodes at a time. Where the hub has fewer nodes, the missing ones start when nodes
--- join.
---@param options? { factor: (integer|"cluster_size")?, model: string?, signal: string? }
---@return luahub.Redundancy
function M.replication(options)
  options = argument.options("redundancy.replication", options, option.replication)
  local instances, err = instances_of(options.factor == nil and FACTOR or options.factor)
  if not instances then error("redundancy.replication: factor: " .. err, 2) end
  return replicated(instances, options.model, options.signal)
end

--- True of a replication that runs a child on every node.
---@param redundancy luahub.Redundancy
---@return boolean
function M.is_everywhere(redundancy)
  return redundancy.kind == "replication" and redundancy.description.factor == ALL
end

--- What a hub does by a strategy of the user's, whose factor() answered this.
---@param own { factor: function, model: string?, signal: string? }
---@param factor any
---@return luahub.Redundancy?
---@return string? problem  one line
function M.answered(own, factor)
  if factor == 1 then return M.singularity() end
  local instances, err = instances_of(factor)
  if not instances then return nil, "factor() answered what is none: " .. err end
  return replicated(instances, own.model, own.signal)
end

return M
