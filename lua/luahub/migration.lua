-- migration.lua - how a child moves to another node: the built-in strategies.

local argument = require("luahub.argument")
local option = require("luahub.option")
local strategy = require("luahub.strategy")

local M = {}

local function all(word)
  return function(children)
    local plan = {}
    for i = 1, #children do
      plan[i] = word
    end
    return plan
  end
end

--- Stops a child here, then starts it there, without its state. The default.
---@param options? table  none yet
---@return luahub.Migration
function M.cold_swap(options)
  argument.options("migration.cold_swap", options, option.cold_swap)
  return strategy.built_in("migration", "cold", { handover = false, move = all("cold") })
end

--- Prepares the child there, freezes it here, hands over what waits for it, and then stops it here. When anything
--- fails the instance here goes on.
---@param options? { handover: boolean? }  `handover`: its state goes along (the module's handover and takeover);
--- default false
---@return luahub.Migration
function M.hot_swap(options)
  options = argument.options("migration.hot_swap", options, option.hot_swap)
  return strategy.built_in("migration", "hot", { handover = options.handover == true, move = all("hot") })
end

return M
