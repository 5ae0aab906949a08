-- migration.lua - how a child moves to another node: the built-in strategies.

local argument = require("luahub.argument")
local moving = require("luahub.moving")
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

---@class luahub.Consent  a child is asked (its module's `consent`) before it moves to where it belongs
---@field timeout? integer         ms for its answer, silence is "defer"; 5000
---@field retry_interval? integer  ms until one that put it off is asked again; 10000
---@field max_defer_time? integer  ms after which it is moved all the same; 600000

---@class luahub.MigrationOptions
---@field handover? boolean  its state goes along (the module's handover and takeover); default false
---@field consent? luahub.Consent  children are asked before they move
---@field children_per_second? integer  so many begin to move from a node each second
---@field bytes_per_second? integer     of states that go from a node
---@field quiet_time? integer  ms until children move to a node that was lost and returned twice, twice as long after
---                            each further time; default 30000

local function built_in(where, kind, options)
  if options.consent then argument.options(where .. ": consent", options.consent, option.consent, 3) end
  local fields = moving.described(options)
  fields.handover = options.handover == true
  fields.move = all(kind == "hot" and "hot" or "cold")
  return strategy.built_in("migration", kind, fields)
end

--- Stops a child here, then starts it there, without its state. The default.
---@param options? luahub.MigrationOptions  without `handover`
---@return luahub.Migration
function M.cold_swap(options)
  options = argument.options("migration.cold_swap", options, option.cold_swap)
  return built_in("migration.cold_swap", "cold", options)
end

--- Prepares the child there, freezes it here, hands over what waits for it, and then stops it here. When anything
--- fails the instance here goes on.
---@param options? luahub.MigrationOptions
---@return luahub.Migration
function M.hot_swap(options)
  options = argument.options("migration.hot_swap", options, option.hot_swap)
  return built_in("migration.hot_swap", "hot", options)
end

--- Each node looks alone: it ends what runs here and belongs elsewhere, and begins what belongs here and has ended. No
--- node asks another one to begin a child, and no state goes along. For distributions that give each node one answer.
---@param options? { children_per_second: integer?, quiet_time: integer? }
---@return luahub.Migration
function M.autonomous(options)
  options = argument.options("migration.autonomous", options, option.autonomous)
  return built_in("migration.autonomous", "autonomous", options)
end

return M
