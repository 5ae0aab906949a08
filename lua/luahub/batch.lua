-- batch.lua - a start of more children than one request to the node holds: it goes there as several, halved until each
-- can be sent, and has one answer. The whole has been checked before: here nothing is refused for its size.

local core = require("luahub.core")
local failure = require("luahub.failure")
local future = require("luahub.future")
local result = require("luahub.result")

local BY_ID = { "child_metadata", "child_mapping" } -- options that hold something for each id

local M = {}

local function only(map, specs)
  local out = {}
  for _, spec in ipairs(specs) do
    out[spec.id] = map[spec.id]
  end
  return out
end

local function part_of(request, first, last)
  local specs, options = table.move(request.children, first, last, 1, {}), {}
  for name, value in pairs(request.options) do
    options[name] = value
  end
  for _, name in ipairs(BY_ID) do
    if options[name] then options[name] = only(options[name], specs) end
  end
  return { hub = request.hub, children = specs, options = options }
end

local function halves(request)
  local count = #request.children
  local middle = count // 2
  return part_of(request, 1, middle), part_of(request, middle + 1, count)
end

-- Sends the request, in parts if need be: each goes to `send(part)`, which answers nil and code too_large where it
-- cannot be sent. Stops at the first other error.
local function send_all(request, send)
  local ok, err = send(request)
  if ok or err.code ~= "too_large" or #request.children == 1 then return ok, err end
  local first, second = halves(request)
  ok, err = send_all(first, send)
  if not ok then return nil, err end
  return send_all(second, send)
end

local function append(to, list)
  table.move(list or {}, 1, #(list or {}), #to + 1, to)
end

-- What a part came to as a whole is what each of its children came to.
local function raw_of(part, answer)
  if answer.value then return answer.value.raw end
  local errors = {}
  for i, spec in ipairs(part.children) do
    errors[i] = { id = spec.id, code = answer.err.code, message = answer.err.message }
  end
  return { status = "error", errors = errors }
end

local function join(parts, values)
  local whole = { status = "ok", ids = {}, nodes = {}, pids = {}, errors = {}, rollback = false }
  for i, part in ipairs(parts) do
    local raw = raw_of(part, values[i])
    for _, name in ipairs({ "ids", "nodes", "pids", "errors" }) do
      append(whole[name], raw[name])
    end
    if raw.status ~= "ok" then whole.status = "error" end
    whole.rollback = whole.rollback or raw.rollback == true
  end
  return whole
end

-- The parts that went well are taken back, too; those that failed have done so themselves.
local function take_back(parts, values, timeout)
  for i, part in ipairs(parts) do
    local value = values[i].value
    if value and value:status() == "ok" then
      local request = { hub = part.hub, ids = value:cids(), options = { timeout = timeout, quiet = true } }
      core.request("stop", request, timeout)
    end
  end
end

--- A start that is awaited.
---@param request table  { hub, children, options }
---@param timeout integer
---@return luahub.Future?
---@return luahub.Failure?
function M.start(request, timeout)
  local parts, futures = {}, {}
  local ok, err = send_all(request, function(part)
    local one, problem = future.request("start", part, timeout, result.start)
    parts[#parts + 1], futures[#futures + 1] = one and part, one
    return one, problem
  end)
  if not ok then return nil, err end
  if #futures == 1 then return futures[1] end
  return future.joined(futures, timeout, function(values)
    local whole = join(parts, values)
    if whole.status ~= "ok" and request.options.on_failure == "rollback" then
      take_back(parts, values, timeout)
      whole.rollback = true
    end
    return result.start(whole)
  end)
end

--- A start that nobody awaits: nobody would be there to take back what other parts began.
---@param request table
---@param timeout integer
---@return "start_initiated"?
---@return luahub.Failure?
function M.begin(request, timeout)
  return send_all(request, function(part)
    local ok, err = core.request("start", part, timeout)
    local parted = not ok and err.code == "too_large" and request.options.on_failure == "rollback"
    if not parted then return ok, err end
    return failure.new("invalid", "so many children need several requests: with rollback await them")
  end)
end

return M
