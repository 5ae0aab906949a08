-- synchronization.lua - how events travel between the nodes of a hub: the built-in strategy.

local argument = require("luahub.argument")
local option = require("luahub.option")
local strategy = require("luahub.strategy")

local M = {}

--- Sends every event to all members it is meant for, directly.
---@param options? table  none yet
---@return luahub.Synchronization
function M.pubsub(options)
  argument.options("synchronization.pubsub", options, option.pubsub)
  return strategy.built_in("synchronization", "pubsub", {
    propagate = function(_, members)
      return members
    end,
  })
end

return M
