-- failure.lua - errors as values: what every function of luahub answers after nil.
--
-- A failure is a table { code, message, ... } that prints as its message. The C core makes the same kind; this module
-- makes those that are found out in Lua. It raises nothing and knows no other module.

---@class luahub.Failure
---@field code string     short name that programs compare: "not_found", "timeout", "no_children", ...
---@field message string  one clear line for a person

local Failure = { __name = "luahub.failure" }

function Failure.__tostring(failure)
  return failure.message
end

local M = {}

--- Answers nil and a failure, so that callers write `return failure.new("not_found", "no child %s", id)`.
---@param code string
---@param message string  a format for the arguments that follow it
---@return nil
---@return luahub.Failure
function M.new(code, message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  return nil, setmetatable({ code = code, message = message }, Failure)
end

--- The same with further fields, such as the ids that an error concerns.
---@param code string
---@param message string
---@param fields table<string, any>
---@return nil
---@return luahub.Failure
function M.with(code, message, fields)
  local _, failure = M.new(code, message)
  for name, value in pairs(fields) do
    failure[name] = value
  end
  return nil, failure
end

--- The same error as the core's, printing as its message also where the core could not see to that: in a program that
--- runs no node yet.
---@param err { code: string, message: string }
---@return luahub.Failure
function M.adopt(err)
  if type(err) == "table" and getmetatable(err) == nil then setmetatable(err, Failure) end
  return err
end

--- The first line of a message, without the traceback or the list of places that follows it. Of a module that does not
--- load the second line is the reason: it goes along.
---@param text string
---@return string
function M.line(text)
  local first, second = text:match("^([^\n]*)\n?%s*([^\n]*)")
  if first:find("^error loading module .*:$") then return first .. " " .. second end
  return (first:gsub("%s*:$", ""))
end

--- The code of an error of any kind; nil when it has none.
---@param err any
---@return string?
function M.code(err)
  return type(err) == "table" and err.code or nil
end

return M
