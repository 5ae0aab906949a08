-- redundancy.lua - how many instances a child has: the built-in strategy.

local argument = require("luahub.argument")
local option = require("luahub.option")
local strategy = require("luahub.strategy")

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

return M
