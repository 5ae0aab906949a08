-- repl/inspect.lua - a value as readable Lua: sorted keys, cycles and depth marked, long tables cut.
--
-- Plain data without cycles prints as Lua that reads back as the same value, as long as no limit is met. Objects
-- (futures, results, hubs, pids, errors) print by their own __tostring.

local M = {}

local WIDTH = 100
local IS_KEYWORD = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
  until while]]):gmatch("%a+") do
  IS_KEYWORD[word] = true
end

---@class luahub.InspectLimits
---@field depth? integer   tables inside tables; default 8
---@field entries? integer entries printed of one table; default 200
---@field string? integer  bytes printed of one string; default 10000

local DEFAULTS = { depth = 8, entries = 200, string = 10000 }

--- Limits that nothing meets, for programs that read the output.
M.WHOLE = { depth = 100, entries = math.maxinteger, string = math.maxinteger }

local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

local function escape_byte(byte)
  return ESCAPES[byte] or ("\\x%02X"):format(byte:byte())
end

local function quote(text, limit)
  local cut = #text - limit
  if cut > 0 then text = text:sub(1, limit) end
  local pattern = utf8.len(text) and '[%c"\\]' or '[%c"\\\128-\255]'
  text = '"' .. text:gsub(pattern, escape_byte) .. '"'
  if cut > 0 then text = ("%s --[[ and %d bytes more ]]"):format(text, cut) end
  return text
end

local function number(value)
  if math.type(value) == "integer" then
    return value == math.mininteger and "math.mininteger" or tostring(value)
  end
  if value ~= value then return "0/0" end
  if value == math.huge then return "math.huge" end
  if value == -math.huge then return "-math.huge" end
  local text = ("%.14g"):format(value)
  if tonumber(text) ~= value then text = ("%.17g"):format(value) end
  return text:find("[%.eE]") and text or text .. ".0"
end

local ORDER = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local type_a, type_b = type(a), type(b)
  if type_a ~= type_b then return (ORDER[type_a] or 4) < (ORDER[type_b] or 4) end
  if type_a == "number" or type_a == "string" then return a < b end
  return tostring(a) < tostring(b)
end

local function sorted_keys(value, from)
  local keys = {}
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= from) then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  return keys
end

local render

local function key_text(state, key, depth)
  if type(key) == "string" and key:match("^[%a_][%w_]*$") and not IS_KEYWORD[key] then return key .. " = " end
  return ("[%s] = "):format(render(state, key, depth))
end

local function entries_of(state, value, depth)
  local parts, limit, count = {}, state.limits.entries, rawlen(value)
  for i = 1, math.min(count, limit) do
    parts[i] = render(state, rawget(value, i), depth)
  end
  local keys = sorted_keys(value, count)
  for _, key in ipairs(keys) do
    if #parts >= limit then break end
    parts[#parts + 1] = key_text(state, key, depth) .. render(state, rawget(value, key), depth)
  end
  local rest = count + #keys - #parts
  if rest > 0 then parts[#parts + 1] = ("--[[ and %d more ]]"):format(rest) end
  return parts
end

local function render_table(state, value, depth)
  if state.above[value] then return "--[[ itself ]] nil" end
  if depth >= state.limits.depth then return next(value) == nil and "{}" or "{ --[[ ... ]] }" end
  state.above[value] = true
  local parts = entries_of(state, value, depth + 1)
  state.above[value] = nil
  if #parts == 0 then return "{}" end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line + 2 * depth <= WIDTH and not line:find("\n", 1, true) then return line end
  local indent = ("  "):rep(depth + 1)
  local lines = { "{" }
  for _, part in ipairs(parts) do
    lines[#lines + 1] = indent .. part .. ","
  end
  lines[#lines + 1] = ("  "):rep(depth) .. "}"
  return table.concat(lines, "\n")
end

local function by_itself(value)
  local ok, text = pcall(tostring, value)
  return ok and text or ("<%s>"):format(type(value))
end

function render(state, value, depth)
  local kind = type(value)
  if kind == "string" then return quote(value, state.limits.string) end
  if kind == "number" then return number(value) end
  if kind == "nil" or kind == "boolean" then return tostring(value) end
  if kind == "table" then
    local meta = getmetatable(value)
    if type(meta) == "table" and rawget(meta, "__tostring") then return by_itself(value) end
    return render_table(state, value, depth)
  end
  local text = by_itself(value)
  return text:sub(1, 1) == "<" and text or ("<%s>"):format(text)
end

--- The text of a value.
---@param value any
---@param limits? luahub.InspectLimits
---@return string
function M.inspect(value, limits)
  local merged = {}
  for name, default in pairs(DEFAULTS) do
    merged[name] = limits and limits[name] or default
  end
  return render({ limits = merged, above = {} }, value, 0)
end

return M
