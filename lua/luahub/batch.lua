-- batch.lua - a start or a stop of more children than one request to the node holds: it is one call for its caller all
-- the same, with one answer. Where the requests are divided, and checked before the first is sent: luahub.parts.

local core = require("luahub.core")
local failure = require("luahub.failure")
local future = require("luahub.future")
local parts = require("luahub.parts")
local result = require("luahub.result")

local M = {}

local LISTS = { start = { "ids", "nodes", "pids", "errors" }, stop = { "ids", "nodes", "ordered", "errors" } }

-- What a part came to as a whole is what each of its children came to.
local function raw_of(kind, part, answer)
  if answer.value then return answer.value.raw end
  local errors = {}
  for i, id in ipairs(parts.ids(kind, part)) do
    errors[i] = { id = id, code = answer.err.code, message = answer.err.message }
  end
  return { status = "error", errors = errors }
end

local function join(kind, requests, values)
  local whole = { status = "ok", rollback = false }
  for _, name in ipairs(LISTS[kind]) do whole[name] = {} end
  for i, request in ipairs(requests) do
    local raw = raw_of(kind, request, values[i])
    for name in pairs(whole) do
      local list = type(raw[name]) == "table" and raw[name]
      if list then table.move(list, 1, #list, #whole[name] + 1, whole[name]) end
    end
    if raw.status ~= "ok" then whole.status = "error" end
    whole.rollback = whole.rollback or raw.rollback == true
  end
  return whole
end

-- The parts that went well are taken back, too; those that failed have done so themselves.
local function take_back(requests, values, timeout)
  for i, request in ipairs(requests) do
    local value = values[i].value
    if value and value:status() == "ok" then
      local stop = { hub = request.hub, ids = value:cids(), options = { timeout = timeout, quiet = true } }
      core.request("stop", stop, timeout)
    end
  end
end

-- One that cannot be sent after others were has failed, as if its children had.
local function send_all(kind, requests, timeout)
  local futures = {}
  for i, request in ipairs(requests) do
    local one, err = future.request(kind, request, timeout, result[kind])
    if not one and i == 1 then return nil, err end
    futures[i] = one or future.failed(kind, err)
  end
  return futures
end

--- A start or a stop that is awaited.
---@param kind "start"|"stop"
---@param request table  { hub, children or ids, options }
---@param timeout integer
---@return luahub.Future?
---@return luahub.Failure?
function M.ask(kind, request, timeout)
  local one, err = future.request(kind, request, timeout, result[kind])
  if one or err.code ~= "too_large" then return one, err end
  local requests, futures
  requests, err = parts.divide(kind, request)
  if not requests then return nil, err end
  futures, err = send_all(kind, requests, timeout)
  if not futures then return nil, err end
  return future.joined(futures, timeout, function(values)
    local whole = join(kind, requests, values)
    if whole.status ~= "ok" and request.options.on_failure == "rollback" then
      take_back(requests, values, timeout)
      whole.rollback = true
    end
    return result[kind](whole)
  end)
end

--- A start or a stop that nobody awaits: nobody would be there to take back what other parts began.
---@param kind "start"|"stop"
---@param request table
---@param timeout integer
---@return "start_initiated"|"stop_initiated"|nil
---@return luahub.Failure?
function M.begin(kind, request, timeout)
  request.options.detach = true -- answered as soon as it is checked
  local ok, err = core.request(kind, request, timeout)
  if ok or err.code ~= "too_large" then return ok, err end
  local requests
  requests, err = parts.divide(kind, request)
  if not requests then return nil, err end
  if request.options.on_failure == "rollback" then
    return failure.new("invalid", "so many children need several requests: with rollback await them")
  end
  for i, part in ipairs(requests) do
    ok, err = core.request(kind, part, timeout)
    if not ok then return failure.new(err.code, "%s (%d of %d requests were sent)", err.message, i - 1, #requests) end
  end
  return ok
end

return M
