-- dispatcher.lua - sends requests and events to the nodes of a hub.
--
-- A service under luahub.hub. Everything here is handed to this node's protocol thread, which finds the way; the
-- functions answer as soon as it is handed over, unless they say otherwise.

local core = require("luahub.core")
local argument = require("luahub.argument")
local courier = require("luahub.courier")
local failure = require("luahub.failure")
local option = require("luahub.option")
local parts = require("luahub.parts")
local spec = require("luahub.spec")

local M = {}

local PART_MAX = 1000 -- children in one request
local REQUEST_MS = 10000
local ANSWER_MARGIN_MS = 5000
local MEMBERS = { "global", "local", "external" }

---@class luahub.NodeRequest
---@field node? string           a node of the hub; each child starts where it belongs, be it there or elsewhere
---@field children table         child specs (start), or ids or tables with an id (stop)
---@field reply_to? userdata[]   pids that get { key, child_id, result, node } for each child; result is
---                               { status = "ok", pid } or { status = "error", code, message }
---@field options? table         timeout (ms for each part, default 10000); for starts also check_existing, on_failure,
---                               metadata, child_metadata
---@field transaction? string    the key of the replies; default "child_start" or "child_stop"

local function check_request(where, at, request, level)
  argument.check(where, at, request, "table", level + 1)
  argument.options(where .. ": " .. at, request, option.node_request, level + 1)
  argument.check(where, at .. ".children", request.children, "table", level + 1)
  argument.options(where .. ": " .. at .. ".options", request.options, option.node_request_options, level + 1)
  if request.reply_to then argument.list(where, at .. ".reply_to", request.reply_to, "pid", level + 1) end
end

local function ids_of(children)
  local ids = {}
  for i, child in ipairs(children) do
    ids[i] = type(child) == "table" and child.id or child
  end
  return ids
end

local function body_of(kind, hub_id, request, part)
  local options = {}
  for name, value in pairs(request.options or {}) do
    options[name] = value
  end
  options.timeout = options.timeout and math.floor(options.timeout)
  if kind == "start" then
    options.node = request.node -- which passes on what belongs elsewhere
    return { hub = hub_id, children = part, options = options }
  end
  return { hub = hub_id, ids = ids_of(part), options = options }
end

-- Nodes that are not of the hub are a mistake of the caller, not something to forward from.
local function check_nodes(hub_id, requests)
  local names, err = core.request("nodes", { hub = hub_id, include_local = true })
  if not names then return nil, err end
  local known = {}
  for _, name in ipairs(names) do
    known[name] = true
  end
  for _, request in ipairs(requests) do
    if request.node and not known[request.node] then
      return failure.new("not_found", "no node %s in hub %s", request.node, hub_id)
    end
  end
  return true
end

local function send_part(kind, request, body)
  local timeout = (body.options.timeout or REQUEST_MS) + ANSWER_MARGIN_MS
  local key = request.transaction or "child_" .. kind
  return courier.send(kind, body, request.reply_to or {}, key, timeout, true)
end

-- What is sent for one request, each checked by the node.
local function bodies_of(kind, hub_id, request)
  local bodies = {}
  for from = 1, #request.children, PART_MAX do
    local part = table.move(request.children, from, math.min(from + PART_MAX - 1, #request.children), 1, {})
    local fitting, err = parts.divide(kind, body_of(kind, hub_id, request, part))
    if not fitting then return nil, err end
    table.move(fitting, 1, #fitting, #bodies + 1, bodies)
  end
  return bodies
end

-- Nobody may wait for the answer: what is wrong with a spec is said here.
local function check_specs(requests)
  local found
  for i, request in ipairs(requests) do
    for k, child in ipairs(request.children) do
      spec.check(("requests[%d].children[%d]"):format(i, k), child, function(path, message)
        found = found or ("%s: %s"):format(path, message)
      end)
      if found then return failure.new("invalid_spec", "%s", found) end
    end
  end
  return true
end

local function send_requests(where, kind, hub, requests)
  local hub_id = argument.hub_id(where, hub, 3)
  argument.list(where, "requests", requests, "table", 3)
  for i, request in ipairs(requests) do
    check_request(where, ("requests[%d]"):format(i), request, 3)
  end
  local ok, problem = true, nil
  if kind == "start" then ok, problem = check_specs(requests) end
  if ok then ok, problem = check_nodes(hub_id, requests) end
  if not ok then return nil, problem end
  local bodies = {}
  for i, request in ipairs(requests) do
    bodies[i], problem = bodies_of(kind, hub_id, request)
    if not bodies[i] then return nil, problem end
  end
  for i, request in ipairs(requests) do
    for _, body in ipairs(bodies[i]) do
      ok, problem = send_part(kind, request, body)
      if not ok then return nil, problem end
    end
  end
  return true
end

--- Has children started, each request by its node, in parts of 1,000.
---@param hub luahub.Hub|string
---@param requests luahub.NodeRequest[]
---@return true?  as soon as the requests are on their way; or nil and an error
---@return luahub.Failure?  codes invalid_spec, not_found
function M.children_start(hub, requests)
  local sent, err = send_requests("dispatcher.children_start", "start", hub, requests)
  return sent, err -- not a tail call: a misuse is told at the caller's place
end

--- Has children stopped wherever they run.
---@param hub luahub.Hub|string
---@param requests luahub.NodeRequest[]
---@return true?
---@return luahub.Failure?
function M.children_stop(hub, requests)
  local sent, err = send_requests("dispatcher.children_stop", "stop", hub, requests)
  return sent, err -- not a tail call: a misuse is told at the caller's place
end

local function check_members(where, members, level)
  if members == nil then return "global" end
  if type(members) == "table" then
    argument.list(where, "members", members, "text", level + 1)
  else
    argument.one_of(where, "members", members, MEMBERS, level + 1)
  end
  return members
end

--- Runs the handlers registered for `id` on the members. While the hub is locked an event waits, or is dropped.
---@param queue luahub.EventQueue  hub.event_queue
---@param id string
---@param data any  plain data
---@param options? { discard_event: boolean?, members: "global"|"local"|"external"|string[]? }  default "global"
---@return "event_dispatched"|"event_queued"|"event_discarded"|nil
---@return luahub.Failure?
function M.dispatch_event(queue, id, data, options)
  local where = "dispatcher.dispatch_event"
  if type(queue) ~= "table" or type(queue.hub) ~= "string" then
    error(where .. ": queue: expected hub.event_queue, got " .. type(queue), 2)
  end
  argument.check(where, "id", id, "text")
  options = argument.options(where, options, option.event)
  local members = check_members(where, options.members, 2)
  if #members == 0 then return "event_dispatched" end
  local discard = options.discard_event == true
  return core.request("event", { hub = queue.hub, id = id, data = data, members = members, discard = discard })
end

--- Sends an event through the hub's synchronization strategy; on arrival the handlers of that name run.
---@param hub luahub.Hub|string
---@param request { name: string, data: any }
---@param options? { members: "global"|"local"|"external"|string[]? }  default "global"
---@return true?
---@return luahub.Failure?
function M.propagate_event(hub, request, options)
  local where = "dispatcher.propagate_event"
  local hub_id = argument.hub_id(where, hub)
  argument.check(where, "request", request, "table")
  argument.options(where .. ": request", request, option.propagated)
  argument.check(where, "request.name", request.name, "text")
  options = argument.options(where, options, option.propagation)
  local members = check_members(where, options.members, 2)
  if #members == 0 then return true end
  return core.request("propagate", { hub = hub_id, name = request.name, data = request.data, members = members })
end

--- Sends the list { key, child_id, result, node } to every pid; those that are gone get nothing.
---@param pids userdata[]
---@param key any
---@param child_id string
---@param result any
---@param node string?
---@return true?
---@return luahub.Failure?  code "invalid" when the message cannot be sent to anyone
function M.reply_respondents(pids, key, child_id, result, node)
  local where = "dispatcher.reply_respondents"
  argument.list(where, "pids", pids, "pid")
  argument.check(where, "child_id", child_id, "text")
  local message = { key, child_id, result, node }
  local sent, first_error = 0, nil
  for _, pid in ipairs(pids) do
    local ok, err = core.send(pid, message)
    if ok then sent = sent + 1 end
    first_error = first_error or err
  end
  if sent == 0 and #pids > 0 and failure.code(first_error) == "invalid" then return nil, first_error end
  return true
end

return M
