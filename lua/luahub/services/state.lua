-- state.lua - what a hub is doing on this node: information, never a switch.
--
-- A hub is locked while children are being moved or recovered. Nobody locks it by hand: it would hold up recovery, and
-- a lock whose owner dies holds it up for good. What should wait for calm waits with `await_unlocked`.

local core = require("luahub.core")
local argument = require("luahub.argument")
local failure = require("luahub.failure")
local hub = require("luahub.hub")

local M = {}

local AWAIT_MS = 60000
local PAUSE_FIRST_MS = 5
local PAUSE_LAST_MS = 100

--- True when the hub runs on this node.
---@param given luahub.Hub|string
---@return boolean?
---@return luahub.Failure?
function M.is_alive(given)
  return hub.new(argument.hub_id("state.is_alive", given)):is_alive()
end

--- True while children are being moved or recovered.
---@param given luahub.Hub|string
---@return boolean?
---@return luahub.Failure?
function M.is_locked(given)
  return hub.new(argument.hub_id("state.is_locked", given)):is_locked()
end

--- True while this side of a divided cluster may not act.
---@param given luahub.Hub|string
---@return boolean?
---@return luahub.Failure?
function M.is_partitioned(given)
  return hub.new(argument.hub_id("state.is_partitioned", given)):is_partitioned()
end

--- Waits until no children are being moved or recovered.
---@param given luahub.Hub|string
---@param ms? number  default 60000
---@return true?
---@return luahub.Failure?  codes timeout, not_alive
function M.await_unlocked(given, ms)
  local where = "state.await_unlocked"
  local id = argument.hub_id(where, given)
  argument.check(where, "ms", ms, "ms?")
  local by, pause = core.now() + (ms or AWAIT_MS), PAUSE_FIRST_MS
  while true do
    local state, err = core.request("hub_state", { hub = id })
    if not state then return nil, err end
    if not state.alive then return failure.new("not_alive", "hub %s does not run on this node", id) end
    if not state.locked then return true end
    if core.now() + pause > by then return failure.new("timeout", "hub %s is still moving children", id) end
    core.sleep(pause)
    pause = math.min(pause * 2, PAUSE_LAST_MS)
  end
end

return M
