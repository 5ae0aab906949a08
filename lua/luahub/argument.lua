-- argument.lua - checks what a caller passed; misuse raises at the caller's level and names function and option.
--
-- Not for what a user wrote in a file: that is luahub.config, which collects problems instead of raising.
-- `level` counts as in error(): 1 is the function that calls this module, 2 (the default) its caller.

local M = {}

local SUGGESTION_DISTANCE_MAX = 3

-- Edit distance (Levenshtein 1966), one row of the table at a time.
local function distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
      diagonal, row[j] = row[j], best
    end
  end
  return row[#b]
end

--- The known name nearest to `name`, or nil when none is near.
---@param name any
---@param known string[]
---@return string?
function M.nearest(name, known)
  if type(name) ~= "string" then return nil end
  local best, best_distance = nil, SUGGESTION_DISTANCE_MAX + 1
  for _, candidate in ipairs(known) do
    local d = distance(name:lower(), candidate:lower())
    if d < best_distance and d < math.max(#candidate, 2) * 0.6 then
      best, best_distance = candidate, d
    end
  end
  return best
end

--- "unknown option 'tiemout' (did you mean 'timeout'?)", or with the list of known ones when none is near.
---@param what string   "option", "field"
---@param name any
---@param known string[]
---@return string
function M.unknown(what, name, known)
  local near = M.nearest(name, known)
  local text = ("unknown %s '%s'"):format(what, tostring(name))
  if near then return ("%s (did you mean '%s'?)"):format(text, near) end
  if #known == 0 then return text .. " (it takes none)" end
  return ("%s (known: %s)"):format(text, table.concat(known, ", "))
end

local DAY = 24 * 3600 * 1000 -- what a node takes for the time of an operation

-- The kinds that are more than a Lua type: what they are called in a message, and the test.
local KINDS = {
  any = { "a value", function(value) return value ~= nil end },
  integer = { "an integer", function(value) return math.type(value) == "integer" end },
  count = { "an integer from 1 on", function(value) return math.type(value) == "integer" and value > 0 end },
  ms = { "a number of milliseconds up to 86400000", function(value)
    return type(value) == "number" and value >= 0 and value <= DAY
  end },
  text = { "a string that is not empty", function(value) return type(value) == "string" and value ~= "" end },
  pid = { "a pid", function(value) return type(value) == "userdata" end },
}

local function shown(value)
  if type(value) == "number" then return tostring(value) end
  if type(value) == "string" then return ("%q"):format(value) end
  return type(value)
end

-- "expected a number, got true", or nil.
local function mismatch(value, wanted)
  local special = KINDS[wanted]
  local fits = type(value) == wanted
  if special then
    fits = special[2](value)
  end
  if fits then return nil end
  return ("expected %s, got %s"):format(special and special[1] or "a " .. wanted, shown(value))
end

--- Raises unless `value` has the type; `kind` is a Lua type, "integer", "ms" (a number of milliseconds, 0 or more),
--- "text" (a string that is not empty), "pid", or "any". nil passes when `kind` ends in "?".
---@param where string  the function's name for the message, "hub:call"
---@param name string   the argument's or option's name
---@param value any
---@param kind string
---@param level? integer
function M.check(where, name, value, kind, level)
  local wanted, optional = kind:match("^(%a+)(%??)$")
  if value == nil and optional == "?" then return end
  local text = mismatch(value, wanted)
  if text then error(("%s: %s: %s"):format(where, name, text), (level or 2) + 1) end
end

--- Raises unless `value` is one of `words`.
---@param where string
---@param name string
---@param value any
---@param words string[]
---@param level? integer
function M.one_of(where, name, value, words, level)
  for _, word in ipairs(words) do
    if value == word then return end
  end
  local near = M.nearest(value, words)
  local hint = near and (" (did you mean '%s'?)"):format(near) or ""
  local known = table.concat(words, ", ")
  local text = ("%s: %s: expected one of %s, got %s%s"):format(where, name, known, shown(value), hint)
  error(text, (level or 2) + 1)
end

--- What to say of a name that a group of options (luahub.option) does not have: what took its place, or what is near.
---@param what string   "option", "field"
---@param name any
---@param group luahub.OptionGroup
---@return string
function M.no_option(what, name, group)
  local here, reason = group.renamed[name], group.gone[name]
  if here then return ("unknown %s '%s': it is '%s' here"):format(what, name, here) end
  if reason then return ("unknown %s '%s': there is none here: %s"):format(what, name, reason) end
  return M.unknown(what, name, group.known)
end

--- The names that a group does not have, in order.
---@param options table
---@param group luahub.OptionGroup
---@return any[]
function M.strangers(options, group)
  local out = {}
  for name in pairs(options) do
    if group.kinds[name] == nil then out[#out + 1] = name end
  end
  table.sort(out, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return out
end

--- Reports each field that a group does not have.
---@param path string
---@param value table
---@param group luahub.OptionGroup
---@param report luahub.Report
function M.fields(path, value, group, report)
  for _, name in ipairs(M.strangers(value, group)) do
    report(path, M.no_option("field", name, group))
  end
end

--- Checks a table of options: every key known, every value of its kind (see `check`). nil is an empty table.
---@param where string
---@param options table?
---@param group luahub.OptionGroup
---@param level? integer
---@return table options
function M.options(where, options, group, level)
  level = (level or 2) + 1
  if options == nil then return {} end
  M.check(where, "options", options, "table", level)
  local stranger = M.strangers(options, group)[1]
  if math.type(stranger) == "integer" then
    error(where .. ": options: expected { name = value, ... }, got a list", level)
  elseif stranger ~= nil then
    error(where .. ": " .. M.no_option("option", stranger, group), level)
  end
  for _, name in ipairs(group.known) do
    local value, kind = options[name], group.kinds[name]
    if value ~= nil and type(kind) == "table" then
      M.one_of(where, name, value, kind, level)
    elseif value ~= nil then
      M.check(where, name, value, kind, level)
    end
  end
  return options
end

--- The first thing that is wrong with a table of options which stands in a configuration, as one line; nil when nothing
--- is, or there is none. The kinds of the group are none that are lists of words.
---@param path string  what the names in the line begin with; "": nothing
---@param options any
---@param group luahub.OptionGroup
---@return string?
function M.problem(path, options, group)
  if options == nil then return nil end
  local text = mismatch(options, "table")
  if text then return path .. ": " .. text end
  local stranger = M.strangers(options, group)[1]
  if stranger ~= nil then return ("%s: %s"):format(path, M.no_option("field", stranger, group)) end
  for _, name in ipairs(group.known) do
    text = options[name] ~= nil and mismatch(options[name], group.kinds[name])
    if text then return ("%s%s: %s"):format(path == "" and "" or path .. ".", name, text) end
  end
  return nil
end

--- Raises unless `value` is a list (keys 1..n) whose entries have the kind.
---@param where string
---@param name string
---@param value any
---@param kind string
---@param level? integer
function M.list(where, name, value, kind, level)
  level = (level or 2) + 1
  M.check(where, name, value, "table", level)
  local count = 0
  for _ in next, value do
    count = count + 1
  end
  if count ~= #value then error(("%s: %s: expected a list, got a table with keys"):format(where, name), level) end
  for i = 1, count do
    M.check(where, ("%s[%d]"):format(name, i), value[i], kind, level)
  end
end

--- The id of a hub given as a hub object or as its id; raises when it is neither.
---@param where string
---@param hub luahub.Hub|string
---@param level? integer
---@return string id
function M.hub_id(where, hub, level)
  local id = type(hub) == "table" and hub.id or hub
  M.check(where, "hub (a hub or its id)", id, "text", (level or 2) + 1)
  return id
end

return M
