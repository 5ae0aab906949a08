-- result.lua - what a start or a stop of children came to.
--
-- The node answers with lists of equal length (one entry an instance), cheap for 30,000 children; the tables that
-- people read are made when they ask. A result is plain memory: it asks nobody.

local failure = require("luahub.failure")

---@class luahub.ResultError
---@field id string       child id
---@field node string?    where it happened
---@field code string     "already_started", "not_found", "child_start_timeout", "init_failed", ...
---@field message string

---@class luahub.Instance
---@field node string
---@field pid userdata

---@class luahub.StartResult
local Start = { __name = "luahub.start_result" }
Start.__index = Start

---@class luahub.StopResult
local Stop = { __name = "luahub.stop_result" }
Stop.__index = Stop

local M = {}

-- The core's entries as people read them: one line each, no node where none was asked.
local function tidy(errors)
  for _, e in ipairs(errors) do
    e.message = failure.line(e.message)
    if e.node == "" then e.node = nil end
  end
end

---@param raw table  { status, ids, nodes, pids, errors, rollback } as the core answers
---@return luahub.StartResult
function M.start(raw)
  tidy(raw.errors)
  for _, e in ipairs(raw.errors) do
    if e.code == "timeout" then e.code = "child_start_timeout" end
  end
  return setmetatable({ raw = raw }, Start)
end

---@param raw table  { status, ids, nodes, ordered, errors }
---@return luahub.StopResult
function M.stop(raw)
  tidy(raw.errors)
  return setmetatable({ raw = raw }, Stop)
end

local function unique(list)
  local seen, out = {}, {}
  for _, value in ipairs(list or {}) do
    if not seen[value] then
      seen[value] = true
      out[#out + 1] = value
    end
  end
  return out
end

-- One entry a child, in the order of the lists; `instance(i)` is what the entry's list holds for line i.
local function grouped(raw, field, instance)
  local by_id, out = {}, {}
  for i, id in ipairs(raw.ids or {}) do
    local entry = by_id[id]
    if not entry then
      entry = { id = id, [field] = {} }
      by_id[id] = entry
      out[#out + 1] = entry
    end
    local list = entry[field]
    list[#list + 1] = instance(i)
  end
  return out
end

local function started(raw)
  return grouped(raw, "instances", function(i)
    return { node = raw.nodes[i], pid = raw.pids[i] }
  end)
end

local function stopped(raw)
  return grouped(raw, "nodes", function(i)
    return raw.nodes[i]
  end)
end

-- What both kinds have in common.
for _, class in ipairs({ Start, Stop }) do
  --- "ok", or "error" as soon as one child failed (others may have succeeded).
  ---@return "ok"|"error"
  function class:status()
    return self.raw.status
  end

  --- One entry for each failure; empty when there is none.
  ---@return luahub.ResultError[]
  function class:errors()
    return self.raw.errors or {}
  end

  --- Ids of the children that were started or stopped.
  ---@return string[]
  function class:cids()
    return unique(self.raw.ids)
  end

  --- The nodes involved, each once.
  ---@return string[]
  function class:nodes()
    return unique(self.raw.nodes)
  end
end

--- The children that were started.
---@return { id: string, instances: luahub.Instance[] }[]
function Start:started()
  return started(self.raw)
end

--- The children that were stopped.
---@return { id: string, nodes: string[] }[]
function Stop:stopped()
  return stopped(self.raw)
end

--- Ids of the children that are stopped by an order alone: their nodes could not be reached. Those nodes end them when
--- they are back; no other node runs them.
---@return string[]
function Stop:ordered()
  return table.move(self.raw.ordered or {}, 1, #(self.raw.ordered or {}), 1, {})
end

--- The first started child, or nil.
---@return { id: string, instances: luahub.Instance[] }?
function Start:first()
  return started(self.raw)[1]
end

--- The first stopped child, or nil.
---@return { id: string, nodes: string[] }?
function Stop:first()
  return stopped(self.raw)[1]
end

--- The first node of the first child, or nil.
---@return string?
function Start:node()
  return (self.raw.nodes or {})[1]
end

--- The first pid of the first child, or nil.
---@return userdata?
function Start:pid()
  return (self.raw.pids or {})[1]
end

--- All pids, one for each instance.
---@return userdata[]
function Start:pids()
  return table.move(self.raw.pids or {}, 1, #(self.raw.pids or {}), 1, {})
end

--- "ok" and the started children; or "error" and { errors, started }, and a third value "rollback" when those
--- that had started were stopped again.
---@return "ok"|"error", table, "rollback"?
function Start:format()
  if self.raw.status == "ok" then return "ok", self:started() end
  return "error", { errors = self:errors(), started = self:started() }, self.raw.rollback and "rollback" or nil
end

--- "ok" and the stopped children; or "error" and { errors, stopped }.
---@return "ok"|"error", table
function Stop:format()
  if self.raw.status == "ok" then return "ok", self:stopped() end
  return "error", { errors = self:errors(), stopped = self:stopped() }
end

local function counted(count, one, many)
  return ("%d %s"):format(count, count == 1 and one or many)
end

local function summary(name, result)
  local errors = result:errors()
  local text = ("%s(%s, %s"):format(name, result:status(), counted(#result:cids(), "child", "children"))
  if #errors == 0 then return text .. ")" end
  local first = ("%s: %s"):format(tostring(errors[1].id), tostring(errors[1].message))
  return ("%s, %s, the first %s)"):format(text, counted(#errors, "error", "errors"), first)
end

function Start:__tostring()
  return summary("start_result", self)
end

function Stop:__tostring()
  return summary("stop_result", self)
end

--- For --json: what the result says, as plain tables.
function Start:__json()
  local rollback = self.raw.rollback == true
  return { status = self:status(), started = self:started(), errors = self:errors(), rollback = rollback }
end

function Stop:__json()
  return { status = self:status(), stopped = self:stopped(), ordered = self:ordered(), errors = self:errors() }
end

return M
