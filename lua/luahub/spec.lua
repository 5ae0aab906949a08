-- spec.lua - checks child specs as a user writes them.
--
-- The node checks again, deeper, before it starts anything (sizes, metadata); here every problem gets a path that
-- leads a person to the line of a configuration. Pure: asks nobody.

local argument = require("luahub.argument")
local option = require("luahub.option")
local placement = require("luahub.placement")

---@class luahub.ChildSpec
---@field id string             1 to 255 bytes, unique in the hub
---@field start table           { "module", args... }: the module is found by require on the host
---@field restart? "permanent"|"transient"|"temporary"  default "permanent"
---@field shutdown? integer|"brutal_kill"|"infinity"    ms for terminate; default 5000 (supervisors 60000)
---@field type? "worker"|"supervisor"  default "worker"
---@field metadata? table       plain data, at most 4096 bytes encoded; `tag` can be queried
---@field placement? luahub.Placement   where it is to run
---@field dedicated? boolean    a thread of its own, for code that blocks in C
---@field isolated? boolean     a heap of its own

local M = {}

M.ID_MAX = 255

local DEPTH_MAX = 60
local RESTART = { permanent = true, transient = true, temporary = true }
local SHUTDOWN = { brutal_kill = true, infinity = true }
local TYPE = { worker = true, supervisor = true }
local TRAVELS = { ["nil"] = true, boolean = true, number = true, string = true, userdata = true }

---@alias luahub.Report fun(path: string, message: string)

--- How a value is shown in a message: its type, or the text of a short string or number.
---@param value any
---@return string
function M.shown(value)
  if type(value) == "string" and #value <= 40 then return ("%q"):format(value) end
  if type(value) == "string" then return ("a string of %d bytes"):format(#value) end
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  return type(value)
end

--- Reports what in `value` cannot travel between nodes: functions, coroutines, cycles.
---@param path string
---@param value any
---@param report luahub.Report
function M.check_data(path, value, report, depth, above)
  depth, above = depth or 0, above or {}
  if TRAVELS[type(value)] then return end
  if type(value) ~= "table" then
    report(path, ("a %s cannot be sent to another node"):format(type(value)))
  elseif above[value] then
    report(path, "contains itself")
  elseif depth > DEPTH_MAX then
    report(path, "is nested too deeply")
  else
    above[value] = true
    for key, entry in pairs(value) do
      local step = type(key) == "number" and ("[%s]"):format(key) or "." .. tostring(key)
      M.check_data(path .. step, entry, report, depth + 1, above)
    end
    above[value] = nil
  end
end

local function check_start(path, start, report)
  if type(start) ~= "table" then
    report(path, ('expected a list { "module", args... }, got %s'):format(type(start)))
  elseif type(start[1]) ~= "string" or start[1] == "" then
    report(path .. "[1]", ("expected the name of a module, got %s"):format(M.shown(start[1])))
  else
    M.check_data(path, start, report)
  end
end

local function check_word(path, value, words, text, report)
  if value ~= nil and not words[value] then report(path, ("expected %s, got %s"):format(text, M.shown(value))) end
end

local function check_shutdown(path, value, report)
  if value == nil or SHUTDOWN[value] then return end
  if math.type(value) ~= "integer" or value < 0 then
    report(path, ('expected milliseconds, "brutal_kill" or "infinity", got %s'):format(M.shown(value)))
  end
end

local function check_flags(path, spec, report)
  for _, field in ipairs({ "dedicated", "isolated" }) do
    local value = spec[field]
    if value ~= nil and type(value) ~= "boolean" then
      report(path .. "." .. field, ("expected true or false, got %s"):format(M.shown(value)))
    end
  end
end

--- Reports every problem of one child spec.
---@param path string       where the spec stands, "hubs[1].children[3]"
---@param spec any
---@param report luahub.Report
function M.check(path, spec, report)
  if type(spec) ~= "table" then
    report(path, ("expected a child spec { id = ..., start = ... }, got %s"):format(M.shown(spec)))
    return
  end
  argument.fields(path, spec, option.child, report)
  if type(spec.id) ~= "string" or spec.id == "" or #spec.id > M.ID_MAX then
    report(path .. ".id", ("expected a string of 1 to %d bytes, got %s"):format(M.ID_MAX, M.shown(spec.id)))
  end
  check_start(path .. ".start", spec.start, report)
  check_word(path .. ".restart", spec.restart, RESTART, '"permanent", "transient" or "temporary"', report)
  check_word(path .. ".type", spec.type, TYPE, '"worker" or "supervisor"', report)
  check_shutdown(path .. ".shutdown", spec.shutdown, report)
  check_flags(path, spec, report)
  if spec.placement ~= nil then placement.check(path .. ".placement", spec.placement, report) end
  if spec.metadata ~= nil then
    if type(spec.metadata) ~= "table" then
      report(path .. ".metadata", ("expected a table, got %s"):format(M.shown(spec.metadata)))
    else
      M.check_data(path .. ".metadata", spec.metadata, report)
    end
  end
end

--- Reports every problem of a list of child specs, ids that are there twice among them.
---@param path string
---@param specs any
---@param report luahub.Report
function M.check_list(path, specs, report)
  if type(specs) ~= "table" then
    report(path, ("expected a list of child specs, got %s"):format(M.shown(specs)))
    return
  end
  local first = {}
  for i, spec in ipairs(specs) do
    local at = ("%s[%d]"):format(path, i)
    M.check(at, spec, report)
    local id = type(spec) == "table" and spec.id
    if type(id) == "string" then
      if first[id] then report(at .. ".id", ("%q is the id of %s[%d] too"):format(id, path, first[id])) end
      first[id] = first[id] or i
    end
  end
  for key in pairs(specs) do
    if math.type(key) ~= "integer" then
      report(path, ("expected a list of child specs, got a table with the key '%s'"):format(tostring(key)))
      return
    end
  end
end

--- The first problem of a list of specs as one line, or nil. Cheap where there is none: called for every start.
---@param specs table[]
---@return string?
function M.problem(specs)
  for i = 1, #specs do
    local spec = specs[i]
    local start = type(spec) == "table" and spec.start
    if type(start) ~= "table" or type(start[1]) ~= "string" or type(spec.id) ~= "string" then
      local found
      M.check(("children[%d]"):format(i), spec, function(path, message)
        found = found or ("%s: %s"):format(path, message)
      end)
      if found then return found end
    end
  end
  return nil
end

return M
