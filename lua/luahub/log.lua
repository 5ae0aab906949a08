-- log.lua - lines for the node's log: luahub.log("text"), luahub.log.warn("disk %s is full", name).
--
-- In a child the line carries its id. Nobody waits for the log.

local core = require("luahub.core")
local argument = require("luahub.argument")

---@class luahub.Log
---@field debug fun(message: any, ...: any)
---@field info fun(message: any, ...: any)
---@field warn fun(message: any, ...: any)
---@field error fun(message: any, ...: any)
---@overload fun(message: any, ...: any)  the same as info
local M = {}

M.LEVELS = { "debug", "info", "warn", "error" }

local is_level = {}

-- The message alone is any value; with further arguments it is a format for them.
local function line(message, ...)
  if select("#", ...) == 0 then return tostring(message) end
  return string.format(message, ...)
end

for _, level in ipairs(M.LEVELS) do
  is_level[level] = true
  M[level] = function(message, ...)
    core.log(level, line(message, ...))
  end
end

--- luahub.log("text"), or with a level first: luahub.log("warn", "text").
local function log(_, first, ...)
  if is_level[first] and select("#", ...) > 0 then return M[first](...) end
  return M.info(first, ...)
end

return setmetatable(M, {
  __call = log,
  __index = function(_, key)
    error("luahub.log: " .. argument.unknown("level", key, M.LEVELS), 2)
  end,
})
