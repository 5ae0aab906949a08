-- hook_manager.lua - the handlers of a hub on this node: who they are, and calling them for a hook of one's own.
--
-- Registering and cancelling are the hub's own functions (hub:register_hook_handlers), said here by hub or id.

local core = require("luahub.core")
local argument = require("luahub.argument")
local hub = require("luahub.hub")

local M = {}

local ALTER_MS = 60000 -- for all handlers together; each has its own limit in the node

local function hub_and_key(where, given, key)
  local id = argument.hub_id(where, given, 3)
  argument.check(where, "key", key, "text", 3)
  return id
end

--- Registers handlers: all of them or, when an id is taken, none.
---@param given luahub.Hub|string
---@param key string
---@param list luahub.Handler[]
---@return true?
---@return luahub.Failure?  codes handler_id_not_unique, not_alive, limit
function M.register_handlers(given, key, list)
  return hub.new(hub_and_key("hook_manager.register_handlers", given, key)):register_hook_handlers(key, list)
end

--- Cancels handlers; ids that are not there are passed over.
---@param given luahub.Hub|string
---@param key string
---@param ids string[]
---@return true?
---@return luahub.Failure?
function M.cancel_handlers(given, key, ids)
  return hub.new(hub_and_key("hook_manager.cancel_handlers", given, key)):cancel_hook_handlers(key, ids)
end

---@class luahub.RegisteredHandler
---@field id string
---@field priority integer
---@field immediate boolean
---@field module? string    of a waiting one; with ["function"] and args
---@field waiting integer   events that it has not taken yet, with the one that it is at

--- The handlers of a key on this node, in the order in which they are called.
---@param given luahub.Hub|string
---@param key string
---@return luahub.RegisteredHandler[]?
---@return luahub.Failure?
function M.registered_handlers(given, key)
  local id = hub_and_key("hook_manager.registered_handlers", given, key)
  return core.request("hooks_list", { hub = id, key = key })
end

--- The keys that have handlers on this node, sorted.
---@param given luahub.Hub|string
---@return string[]?
---@return luahub.Failure?
function M.keys(given)
  local keys, err = core.request("hooks_list", { hub = argument.hub_id("hook_manager.keys", given) })
  if not keys then return nil, err end
  table.sort(keys)
  return keys
end

--- Calls the handlers of a key on this node, whatever the hub is busy with; nothing waits for them.
---@param given luahub.Hub|string
---@param key string
---@param data any  plain data
---@return true?
---@return luahub.Failure?
function M.dispatch_hook(given, key, data)
  local id = hub_and_key("hook_manager.dispatch_hook", given, key)
  return core.request("hook", { hub = id, key = key, data = data })
end

--- The same for several, in their order.
---@param given luahub.Hub|string
---@param list table[]  { key, data } each
---@return true?
---@return luahub.Failure?
function M.dispatch_hooks(given, list)
  local where = "hook_manager.dispatch_hooks"
  local id = argument.hub_id(where, given)
  argument.list(where, "list", list, "table")
  for i, entry in ipairs(list) do
    argument.check(where, ("list[%d][1] (the key)"):format(i), entry[1], "text")
  end
  for _, entry in ipairs(list) do
    local ok, err = core.request("hook", { hub = id, key = entry[1], data = entry[2] })
    if not ok then return nil, err end
  end
  return true
end

--- What the handlers of a key make of a value: each is given what the one before it answered. The first that raises, or
--- answers nothing, ends it.
---@param given luahub.Hub|string
---@param key string
---@param value any  plain data, not nil
---@return any
---@return luahub.Failure?  code failed
function M.dispatch_alter_hook(given, key, value)
  local where = "hook_manager.dispatch_alter_hook"
  local id = hub_and_key(where, given, key)
  argument.check(where, "value", value, "any")
  return core.request("alter", { hub = id, key = key, data = value }, ALTER_MS)
end

return M
