-- repl/complete.lua - the names that may follow what was typed: `luahub.dis` -> `luahub.dispatcher`, ...
--
-- Walks tables raw, and __index tables of metatables, so that completing runs no code of anyone.

local M = {}

local NAMES_MAX = 200
local INDEX_CHAIN_MAX = 8

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
  until while]]):gmatch("%a+") do
  KEYWORDS[#KEYWORDS + 1] = word
end

-- Where the names of `value` stand: the value itself, then the tables it falls back to.
local function layers(value)
  local out = {}
  while #out < INDEX_CHAIN_MAX do
    if type(value) == "table" then out[#out + 1] = value end
    local meta = debug.getmetatable(value)
    if type(meta) ~= "table" then break end
    local index = rawget(meta, "__index")
    if type(index) ~= "table" then break end
    value = index
  end
  return out
end

local function field(value, name)
  for _, layer in ipairs(layers(value)) do
    local found = rawget(layer, name)
    if found ~= nil then return found end
  end
  return nil
end

local function collect(value, prefix, methods_only, seen, out)
  for _, layer in ipairs(layers(value)) do
    for name, entry in next, layer do
      local fits = type(name) == "string" and name:sub(1, #prefix) == prefix and name:match("^[%a_][%w_]*$")
      if fits and name:sub(1, 2) == "__" and prefix:sub(1, 2) ~= "__" then fits = false end
      if fits and methods_only and type(entry) ~= "function" then fits = false end
      if fits and not seen[name] then
        seen[name] = true
        out[#out + 1] = name
      end
    end
  end
end

local function with_head(head, names)
  table.sort(names)
  local out = {}
  for i = 1, math.min(#names, NAMES_MAX) do
    out[i] = head .. names[i]
  end
  return out
end

--- The ways to go on from the end of `text`; each replaces the last word of it (`M.word`).
---@param environment table  where global names are looked up
---@param text string
---@return string[]
function M.complete(environment, text)
  local word = M.word(text)
  local path, operator, prefix = word:match("^(.-)([%.:]?)([%w_]*)$")
  local value, names = environment, {}
  if operator == "" then
    collect(environment, prefix, false, {}, names)
    for _, keyword in ipairs(KEYWORDS) do
      if prefix ~= "" and keyword:sub(1, #prefix) == prefix then names[#names + 1] = keyword end
    end
    return with_head("", names)
  end
  for step in path:gmatch("[%a_][%w_]*") do
    value = field(value, step)
    if value == nil then return {} end
  end
  if path == "" then return {} end
  collect(value, prefix, operator == ":", {}, names)
  return with_head(path .. operator, names)
end

--- The part of a line that a completion replaces: the dotted name at its end.
---@param text string
---@return string
function M.word(text)
  return text:match("[%a_][%w_%.:]*$") or ""
end

return M
