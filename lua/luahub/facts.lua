-- facts.lua - what a node says of itself that placement goes by: its weight and its labels.
--
-- They stand in the node's member record, so all nodes know them before anything is placed, and agree on them. On the
-- way there a weight is an integer of thousandths, and labels are lines "key=value", sorted.

local core = require("luahub.core")

---@class luahub.Facts
---@field weight number                  default 1
---@field labels table<string, string>   default {}

local M = {}

M.WEIGHT_MAX = 100
local ONE = 1000
local LABELS_MAX = 1024

--- Reports what is wrong with a weight.
---@param path string
---@param weight any
---@param report luahub.Report
function M.check_weight(path, weight, report)
  if type(weight) == "number" and weight >= 0 and weight <= M.WEIGHT_MAX then return end
  report(path, ("expected a number from 0 to %d, got %s"):format(M.WEIGHT_MAX, tostring(weight)))
end

local function is_word(value)
  return type(value) == "string" and value ~= "" and utf8.len(value) ~= nil and not value:find("[%c%s/\\\x7f]")
end

--- The thousandths of a weight.
---@param weight number
---@return integer
function M.thousandths(weight)
  return math.floor(weight * ONE + 0.5)
end

--- Labels as a record holds them.
---@param labels? table<string, string>
---@return string
function M.text(labels)
  local lines = {}
  for key, value in pairs(labels or {}) do
    lines[#lines + 1] = { key, value }
  end
  table.sort(lines, function(a, b)
    return a[1] < b[1]
  end)
  for i, line in ipairs(lines) do
    lines[i] = line[1] .. "=" .. line[2] .. "\n"
  end
  return table.concat(lines)
end

--- The labels in such a text.
---@param text string
---@return table<string, string>
function M.labels(text)
  local labels = {}
  for key, value in text:gmatch("([^=\n]+)=([^\n]*)\n") do
    labels[key] = value
  end
  return labels
end

--- Reports what is wrong with labels.
---@param path string
---@param labels any
---@param report luahub.Report
function M.check_labels(path, labels, report)
  if type(labels) ~= "table" then
    report(path, ("expected labels { name = \"value\" }, got %s"):format(type(labels)))
    return
  end
  local good = true
  for key, value in pairs(labels) do
    if not is_word(key) or key:find("=", 1, true) then
      good = false
      report(path, ('expected names without spaces, "/", "\\" and "=", got %q'):format(tostring(key)))
    elseif not is_word(value) then
      good = false
      report(path .. "." .. key, ('expected a word without spaces, "/" and "\\", got %q'):format(tostring(value)))
    end
  end
  if good and #M.text(labels) > LABELS_MAX then
    report(path, ("expected at most %d bytes of labels, got %d"):format(LABELS_MAX, #M.text(labels)))
  end
end

--- Tells the others of this node's facts, where it has any of its own.
---@param facts { weight: number?, labels: table<string, string>? }
---@return true?
---@return luahub.Failure?
function M.tell(facts)
  if facts.weight == nil and facts.labels == nil then return true end
  local weight = facts.weight or 1
  return core.request("facts", { weight = M.thousandths(weight), labels = M.text(facts.labels) })
end

return M
