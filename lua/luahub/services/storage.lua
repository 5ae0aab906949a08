-- storage.lua - values that scripts keep on this node: under keys, by hub, each for a time if it is told one.
--
-- Every heap of the node sees the same values; nothing of them travels to other nodes, and they go with the hub. What
-- is over is never answered. The node makes one change after another, so none is lost, `update` included.

local core = require("luahub.core")
local argument = require("luahub.argument")
local failure = require("luahub.failure")
local option = require("luahub.option")

local M = {}

local UPDATE_TRIES = 100 -- of an update that others were quicker than
local PAUSE_LAST_MS = 64
local LONG_MS = 1e15 -- for good

local function hub_and_key(where, hub, key)
  local id = argument.hub_id(where, hub, 3)
  argument.check(where, "key", key, "text", 3)
  return id
end

local function ttl_of(where, options)
  local ttl = argument.options(where, options, option.stored, 3).ttl
  if ttl and (ttl < 0 or ttl ~= ttl) then
    error(("%s: ttl: expected a number of milliseconds, got %s"):format(where, ttl), 3)
  end
  return ttl and math.floor(math.min(ttl, LONG_MS))
end

local function found(id, key)
  return core.request("storage_get", { hub = id, key = key })
end

--- Whether there is a value under this key.
---@param hub luahub.Hub|string
---@param key string
---@return boolean?
---@return luahub.Failure?
function M.exists(hub, key)
  local entry, err = found(hub_and_key("storage.exists", hub, key), key)
  if not entry then return nil, err end
  return entry.version ~= nil
end

--- The value under this key; nil when there is none, or its time is over.
---@param hub luahub.Hub|string
---@param key string
---@return any
---@return luahub.Failure?
function M.get(hub, key)
  local entry, err = found(hub_and_key("storage.get", hub, key), key)
  if not entry then return nil, err end
  return entry.value
end

--- Stores a value, in place of the one that was there.
---@param hub luahub.Hub|string
---@param key string  1 to 255 bytes
---@param value any  plain data, not nil
---@param options? { ttl: number? }  how long it is kept, in ms; without it as long as the hub runs here
---@return true?
---@return luahub.Failure?  codes limit, not_alive
function M.insert(hub, key, value, options)
  local where = "storage.insert"
  local id = hub_and_key(where, hub, key)
  argument.check(where, "value", value, "any")
  return core.request("storage_put", { hub = id, key = key, value = value, ttl = ttl_of(where, options) })
end

-- One try: the answer of the node, which is "changed" when somebody else was quicker.
local function try_update(id, key, fn, ttl)
  local entry, err = found(id, key)
  if not entry then return nil, err end
  local value = fn(entry.value)
  local request = { hub = id, key = key, value = value, version = entry.version or 0, ttl = ttl }
  request.keep_ttl = ttl == nil
  local kind = value == nil and "storage_remove" or "storage_put"
  local answer
  answer, err = core.request(kind, request)
  return answer, err, value
end

--- Makes a new value of the old one. Nothing that others write meanwhile is lost: `fn` is called again then, so it
--- should do nothing but compute.
---@param hub luahub.Hub|string
---@param key string
---@param fn fun(old: any): any  given nil when there is none; an answer of nil removes it
---@param options? { ttl: number? }  default: what is left of the old one's
---@return any  the new value
---@return luahub.Failure?  codes limit, not_alive, busy
function M.update(hub, key, fn, options)
  local where = "storage.update"
  local id = hub_and_key(where, hub, key)
  argument.check(where, "fn", fn, "function")
  local ttl = ttl_of(where, options)
  for try = 1, UPDATE_TRIES do
    local answer, err, value = try_update(id, key, fn, ttl)
    if not answer then return nil, err end
    if answer ~= "changed" then return value end
    -- In step, one of them would always be first.
    core.sleep(math.random(0, math.min(1 << math.min(try, 6), PAUSE_LAST_MS)))
  end
  return failure.new("busy", "storage.update: others changed '%s' %d times meanwhile", key, UPDATE_TRIES)
end

--- Removes a value. False: there was none.
---@param hub luahub.Hub|string
---@param key string
---@return boolean?
---@return luahub.Failure?
function M.remove(hub, key)
  local id = hub_and_key("storage.remove", hub, key)
  local answer, err = core.request("storage_remove", { hub = id, key = key })
  if not answer then return nil, err end
  return answer == true
end

--- Removes all values of the hub.
---@param hub luahub.Hub|string
---@return integer?  how many there were
---@return luahub.Failure?
function M.clear_all(hub)
  return core.request("storage_clear", { hub = argument.hub_id("storage.clear_all", hub) })
end

---@class luahub.Stored
---@field key string
---@field value any
---@field ttl? integer  how many ms are left

local function all_of(id)
  local list, err = core.request("storage_list", { hub = id })
  if not list then return nil, err end
  table.sort(list, function(a, b)
    return a.key < b.key
  end)
  return list
end

local function has_fields(value, fields)
  if type(value) ~= "table" then return false end
  for name, wanted in pairs(fields) do
    if value[name] ~= wanted then return false end
  end
  return true
end

--- The values whose keys match a Lua pattern, sorted by key.
---@param hub luahub.Hub|string
---@param pattern string  as for string.find: "^session/"
---@param fields? table<string, any>  only tables that have these values in these fields
---@return luahub.Stored[]?
---@return luahub.Failure?
function M.match(hub, pattern, fields)
  local where = "storage.match"
  local id = argument.hub_id(where, hub)
  argument.check(where, "pattern", pattern, "string")
  argument.check(where, "fields", fields, "table?")
  local list, err = all_of(id)
  if not list then return nil, err end
  local out = {}
  for _, entry in ipairs(list) do
    if entry.key:find(pattern) and (not fields or has_fields(entry.value, fields)) then out[#out + 1] = entry end
  end
  return out
end

--- All values of the hub, sorted by key.
---@param hub luahub.Hub|string
---@return luahub.Stored[]?
---@return luahub.Failure?
function M.export_all(hub)
  return all_of(argument.hub_id("storage.export_all", hub))
end

return M
