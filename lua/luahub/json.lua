-- json.lua - a value as JSON by lua-cjson, with what cjson gets wrong put right.
--
-- Empty tables are lists ([]), as most empty answers are. Numbers that cjson's 14 digits cannot hold, NaN and the
-- infinities are strings; so are pids. Bytes that are not UTF-8 print as \xNN. Objects are what their __json answers,
-- else their __tostring.

local cjson = require("cjson").new()

local M = {}

local DEPTH_MAX = 100
local MARK = "\1" -- an empty list on its way through cjson; strings of a user that begin with it get a second one

cjson.encode_max_depth(DEPTH_MAX + 10)
cjson.encode_sparse_array(true)

local plain

local function text_of(text)
  if not utf8.len(text) then
    text = text:gsub("[\128-\255]", function(byte)
      return ("\\x%02X"):format(byte:byte())
    end)
  end
  return text:sub(1, 1) == MARK and MARK .. text or text
end

local function number_of(value)
  if value ~= value or value == math.huge or value == -math.huge then return tostring(value) end
  if tonumber(("%.14g"):format(value)) == value then return value end
  return math.type(value) == "integer" and tostring(value) or ("%.17g"):format(value)
end

local function is_list(value)
  local count = 0
  for _ in next, value do
    count = count + 1
  end
  return count == rawlen(value)
end

local function table_of(value, depth, above)
  if next(value) == nil then return MARK end
  if above[value] then error("a table that contains itself cannot be JSON", 0) end
  if depth > DEPTH_MAX then error("tables nested too deeply for JSON", 0) end
  above[value] = true
  local out = {}
  if is_list(value) then
    for i = 1, rawlen(value) do
      out[i] = plain(rawget(value, i), depth + 1, above)
    end
  else
    for key, entry in next, value do
      out[text_of(tostring(key))] = plain(entry, depth + 1, above)
    end
  end
  above[value] = nil
  return out
end

function plain(value, depth, above)
  local kind = type(value)
  if kind == "nil" then return cjson.null end
  if kind == "boolean" then return value end
  if kind == "number" then return number_of(value) end
  if kind == "string" then return text_of(value) end
  if kind ~= "table" then return text_of(tostring(value)) end
  local meta = getmetatable(value)
  if type(meta) == "table" then
    if rawget(meta, "__json") then return plain(meta.__json(value), depth + 1, above) end
    if rawget(meta, "__tostring") then return text_of(tostring(value)) end
  end
  return table_of(value, depth, above)
end

--- The JSON text of a value; raises for cycles.
---@param value any
---@return string
function M.encode(value)
  local ready = plain(value, 0, {})
  if ready == MARK then return "[]" end
  -- A quote after [ { , or : opens a string: inside of one it would have a backslash before it.
  local text = cjson.encode({ ready }):sub(2, -2)
  text = "[" .. text
  text = text:gsub('([%[{,:])"\\u0001"', "%1[]"):gsub('([%[{,:])"\\u0001\\u0001', '%1"\\u0001')
  return text:sub(2)
end

return M
