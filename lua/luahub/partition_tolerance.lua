-- partition_tolerance.lua - whether a part of a divided cluster may act: the built-in strategy.

local argument = require("luahub.argument")
local option = require("luahub.option")
local strategy = require("luahub.strategy")

local M = {}

--- Every part goes on by itself; when they meet again surplus instances are stopped. The default.
---@param options? table  none yet
---@return luahub.PartitionTolerance
function M.divergence(options)
  argument.options("partition_tolerance.divergence", options, option.divergence)
  return strategy.built_in("partition_tolerance", "divergence", {
    may_act = function()
      return true
    end,
  })
end

return M
