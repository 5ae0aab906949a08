-- synchronization.lua - how events travel between the nodes of a hub: the built-in strategies.

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

local RECIPIENTS, RECIPIENTS_MOST = 3, 64

--- Passes every event on from node to node, so that nobody sends one to all: each member gets it twice, on two ways
--- drawn anew, and its handlers run once. Events about rows go straight, since nobody may speak for another's rows.
---@param options? { recipients: integer? }  to how many nodes one sends an event on; default 3
---@return luahub.Synchronization
function M.gossip(options)
  local where = "synchronization.gossip"
  local recipients = argument.options(where, options, option.gossip).recipients or RECIPIENTS
  if recipients > RECIPIENTS_MOST then
    error(("%s: recipients: expected at most %d, got %d"):format(where, RECIPIENTS_MOST, recipients), 2)
  end
  return strategy.built_in("synchronization", "gossip", {
    recipients = recipients,
    propagate = function(_, members)
      return members
    end,
  })
end

return M
