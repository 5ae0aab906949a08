-- sim/shrink.lua - takes away what a failing run does not need: faults and operations, half of them at a time, then one
-- by one; nodes; and again; for as long as the same invariant breaks.
--
-- Each try is a run of the same seed with `without` (nodes left out) and `only` (numbers of the steps kept), which is
-- what the command that shows the run again says.

local TRIALS_MAX = 150

local M = {}

local function set_of(list)
  local out = {}
  for _, entry in ipairs(list) do
    out[entry] = true
  end
  return out
end

local function numbers_of(plan)
  local out = {}
  for i, step in ipairs(plan or {}) do
    out[i] = step.number
  end
  return out
end

local function without_range(list, from, to)
  local out = {}
  for i, entry in ipairs(list) do
    if i < from or i > to then out[#out + 1] = entry end
  end
  return out
end

---@class luahub.sim.Shrinking
local Shrinking = {}
Shrinking.__index = Shrinking

-- Runs it with less; keeps that when the same invariant breaks.
function Shrinking:try(without, only)
  if self.trials >= TRIALS_MAX then return false end
  self.trials = self.trials + 1
  local other = self.run(without, only)
  if not other or other.ok or other.invariant ~= self.report.invariant then return false end
  self.report, self.without = other, without
  return true
end

function Shrinking:drop_nodes()
  for i = #self.report.nodes, 2, -1 do
    local less = table.move(self.without, 1, #self.without, 1, {})
    less[#less + 1] = self.report.nodes[i]
    self:try(less, numbers_of(self.report.plan))
  end
end

function Shrinking:drop_steps()
  local size = self.report.plan and #self.report.plan or 0
  while size >= 1 do
    local from = 1
    while from <= #self.report.plan and self.trials < TRIALS_MAX do
      local all = numbers_of(self.report.plan)
      if not self:try(self.without, without_range(all, from, from + size - 1)) then from = from + size end
    end
    size = size // 2
  end
end

--- The report of the smallest run found that breaks the same invariant; the given one where nothing could go.
---@param report luahub.sim.Report
---@param run fun(without: string[], only: integer[]): luahub.sim.Report?
---@return luahub.sim.Report
function M.shrink(report, run)
  local shrinking = setmetatable({ report = report, run = run, without = report.without or {}, trials = 0 }, Shrinking)
  shrinking:drop_steps()
  shrinking:drop_nodes()
  shrinking:drop_steps()
  return shrinking.report
end

--- "3,7-9" for { 3, 7, 8, 9 }.
---@param numbers integer[]
---@return string
function M.as_ranges(numbers)
  local parts, i = {}, 1
  while i <= #numbers do
    local last = i
    while numbers[last + 1] == numbers[last] + 1 do
      last = last + 1
    end
    parts[#parts + 1] = last > i and ("%d-%d"):format(numbers[i], numbers[last]) or tostring(numbers[i])
    i = last + 1
  end
  return table.concat(parts, ",")
end

--- { 3, 7, 8, 9 } for "3,7-9"; nil when it is nothing of the kind.
---@param text string
---@return integer[]?
function M.from_ranges(text)
  local out = {}
  if text == "none" then return out end
  for part in (text .. ","):gmatch("([^,]*),") do
    local from, to = part:match("^(%d+)%-(%d+)$")
    from = from or part:match("^%d+$")
    if not from then return nil end
    for number = math.tointeger(from), math.tointeger(to or from) do
      out[#out + 1] = number
    end
  end
  return out
end

M.set_of, M.numbers_of = set_of, numbers_of

return M
