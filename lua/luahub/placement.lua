-- placement.lua - checks what a child spec, or a distribution, says about where children are to be.
--
-- The node checks again before it starts anything; here every problem gets a path. Pure: asks nobody.

local argument = require("luahub.argument")
local option = require("luahub.option")

---@class luahub.Placement
---@field node? string|string[]  on this node; of several on the first that is there
---@field pinned? boolean        on no other: it waits until one of them is there
---@field require? table<string, string|string[]|true>  only on nodes that have these labels
---@field prefer? table<string, string|string[]|true>   on those that have most of these
---@field spread? string         evenly over the values of this label

local M = {}

local function are_words(value)
  if type(value) == "string" then return value ~= "" end
  if type(value) ~= "table" or #value == 0 then return false end
  for key, word in pairs(value) do
    if math.type(key) ~= "integer" or type(word) ~= "string" or word == "" then return false end
  end
  return true
end

local function check_labels(path, labels, report)
  if labels == nil then return end
  if type(labels) ~= "table" or labels[1] ~= nil then
    report(path, ('expected { label = "value" }, got %s'):format(type(labels) == "table" and "a list" or type(labels)))
    return
  end
  for name, value in pairs(labels) do
    if type(name) ~= "string" then
      report(path, ("expected the name of a label, got %s"):format(tostring(name)))
    elseif value ~= true and not are_words(value) then
      report(path .. "." .. name, ("expected a value, a list of values or true, got %s"):format(type(value)))
    end
  end
end

--- Reports every problem of a placement.
---@param path string
---@param placement any
---@param report luahub.Report
function M.check(path, placement, report)
  if type(placement) ~= "table" then
    report(path, ("expected a table { node, pinned, prefer, require, spread }, got %s"):format(type(placement)))
    return
  end
  argument.fields(path, placement, option.placement, report)
  if placement.node ~= nil and not are_words(placement.node) then
    report(path .. ".node", ("expected the name of a node or a list of names, got %s"):format(type(placement.node)))
  end
  if placement.pinned ~= nil and type(placement.pinned) ~= "boolean" then
    report(path .. ".pinned", ("expected true or false, got %s"):format(type(placement.pinned)))
  elseif placement.pinned and placement.node == nil then
    report(path .. ".pinned", "needs a node")
  end
  check_labels(path .. ".require", placement.require, report)
  check_labels(path .. ".prefer", placement.prefer, report)
  if placement.spread ~= nil and (type(placement.spread) ~= "string" or placement.spread == "") then
    report(path .. ".spread", ("expected the name of a label, got %s"):format(type(placement.spread)))
  end
end

--- The first problem of a placement as one line, or nil.
---@param path string
---@param placement any
---@return string?
function M.problem(path, placement)
  local found
  M.check(path, placement, function(at, message)
    found = found or ("%s: %s"):format(at, message)
  end)
  return found
end

return M
