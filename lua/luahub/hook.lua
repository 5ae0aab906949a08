-- hook.lua - checks lists of hook handlers and splits them into what the node keeps and what stays here.
--
-- A waiting handler is { "module", "function", args... }: plain data, run as a process of its own on the node. An
-- immediate one is a Lua function of the main program (or a list resolved there): the node asks for it by policy
-- question, so it must return at once. Functions never travel.

local argument = require("luahub.argument")
local option = require("luahub.option")
local spec = require("luahub.spec")

---@class luahub.Handler
---@field id string            unique for its key in its hub on this node
---@field priority? integer    higher runs first; default 0
---@field handler table|function  { "module", "function", args... } with the data appended, or (immediate, in the main
---                             program) function(data, hub_id)
---@field immediate? boolean   default false; functions for `child_data_alter` and `on_conflict` always are

local M = {}

--- The hook whose handlers may change a child's data before it starts; always immediate.
M.ALTER = "child_data_alter"

--- The hook that decides which instance stays of a child that runs twice when a split network is whole again.
M.CONFLICT = "on_conflict"

--- The hooks that the hub itself calls; any other key is the id of an event.
M.KEYS = {
  "pre_node_join", "post_node_join", "pre_node_leave", "post_node_leave", "child_registered", "child_unregistered",
  "pre_redistribution", "post_redistribution", "pre_children_start", "post_children_start", "migration_completed",
  "pre_children_redistribution", "child_pid_updated", "children_forwarded", "coordinator_shutdown", "drain_completed",
  "handover_delivered", "migration_deferred", "priority_state_updated", "node_lost", "node_returned", "quorum_lost",
  "quorum_regained", "reconcile_round", M.ALTER, M.CONFLICT,
}

local function is_immediate(key, entry)
  return entry.immediate == true or ((key == M.ALTER or key == M.CONFLICT) and type(entry.handler) == "function")
end

local function check_handler(path, key, entry, report)
  local handler = entry.handler
  if type(handler) == "function" then
    if not is_immediate(key, entry) then
      local text = 'a function needs immediate = true; a waiting handler is { "module", "function", args... }'
      report(path .. ".handler", text)
    end
  elseif type(handler) ~= "table" then
    report(path .. ".handler", ('expected { "module", "function", args... }, got %s'):format(spec.shown(handler)))
  elseif type(handler[1]) ~= "string" or type(handler[2]) ~= "string" then
    report(path .. ".handler", 'expected { "module", "function", args... }: both names are strings')
  else
    spec.check_data(path .. ".handler", handler, report)
  end
end

local function check_entry(path, key, entry, report)
  if type(entry) ~= "table" then
    report(path, ("expected a handler { id = ..., handler = ... }, got %s"):format(spec.shown(entry)))
    return
  end
  argument.fields(path, entry, option.handler, report)
  if type(entry.id) ~= "string" or entry.id == "" then
    report(path .. ".id", ("expected a string, got %s"):format(spec.shown(entry.id)))
  end
  if entry.priority ~= nil and math.type(entry.priority) ~= "integer" then
    report(path .. ".priority", ("expected an integer, got %s"):format(spec.shown(entry.priority)))
  end
  if entry.immediate ~= nil and type(entry.immediate) ~= "boolean" then
    report(path .. ".immediate", ("expected true or false, got %s"):format(spec.shown(entry.immediate)))
  end
  check_handler(path, key, entry, report)
end

--- Reports every problem of the handlers for one key.
---@param path string
---@param key any
---@param list any
---@param report luahub.Report
function M.check_list(path, key, list, report)
  if type(list) ~= "table" then
    report(path, ("expected a list of handlers, got %s"):format(spec.shown(list)))
    return
  end
  if #list == 0 and next(list) ~= nil then
    report(path, "expected a list of handlers { { id = ..., handler = ... }, ... }, got a table with keys")
    return
  end
  local seen = {}
  for i, entry in ipairs(list) do
    local at = ("%s[%d]"):format(path, i)
    check_entry(at, key, entry, report)
    local id = type(entry) == "table" and entry.id
    if id and seen[id] then report(at .. ".id", ("'%s' is there twice"):format(tostring(id))) end
    if id then seen[id] = true end
  end
end

--- Reports every problem of a `hooks` table { [key] = { handler, ... } }.
---@param path string
---@param hooks any
---@param report luahub.Report
function M.check(path, hooks, report)
  if type(hooks) ~= "table" then
    report(path, ("expected a table { key = { handlers }, ... }, got %s"):format(spec.shown(hooks)))
    return
  end
  for key, list in pairs(hooks) do
    if type(key) ~= "string" or key == "" then
      report(path, ("expected names of hooks as keys, got %s"):format(spec.shown(key)))
    else
      M.check_list(path .. "." .. key, key, list, report)
    end
  end
end

local function resolved(handler)
  local module, name = handler[1], handler[2]
  local args = table.move(handler, 3, #handler, 1, {})
  return function(data)
    local fn = require(module)[name]
    if type(fn) ~= "function" then error(("hook handler: %s.%s is not a function"):format(module, name), 0) end
    local call = table.move(args, 1, #args, 1, {})
    call[#call + 1] = data
    return fn(table.unpack(call))
  end
end

--- Splits checked handlers of one key.
---@param key string
---@param list luahub.Handler[]
---@return table[] for_node  plain data, for the core
---@return table<string, function> here  immediate handlers by id, for luahub.policy
function M.split(key, list)
  local for_node, here = {}, {}
  for i, entry in ipairs(list) do
    local out = { id = entry.id, priority = entry.priority or 0 }
    if is_immediate(key, entry) then
      out.immediate = true
      here[entry.id] = type(entry.handler) == "function" and entry.handler or resolved(entry.handler)
    else
      out.module, out["function"] = entry.handler[1], entry.handler[2]
      out.args = table.move(entry.handler, 3, #entry.handler, 1, {})
    end
    for_node[i] = out
  end
  return for_node, here
end

return M
