-- parts.lua - divides a start or a stop that no message holds into requests that one does, halved until each fits. The
-- node checks each of them, as it would to carry it out, before the first is sent: what is wrong with the last child of
-- a large call is said while none has begun.

local core = require("luahub.core")

local BY_ID = { "child_metadata", "child_mapping" } -- options that hold something for each id
local FIELD = { start = "children", stop = "ids" }
local CHECK_MS = 60000

local M = {}

--- The ids of a request's children.
---@param kind "start"|"stop"
---@param request table
---@return string[]
function M.ids(kind, request)
  if kind == "stop" then return request.ids end
  local ids = {}
  for i, spec in ipairs(request.children) do ids[i] = spec.id end
  return ids
end

local function only(map, specs)
  local out = {}
  for _, spec in ipairs(specs) do out[spec.id] = map[spec.id] end
  return out
end

local function part_of(kind, request, first, last)
  local field, options = FIELD[kind], {}
  local list = table.move(request[field], first, last, 1, {})
  for name, value in pairs(request.options) do options[name] = value end
  for _, name in ipairs(BY_ID) do
    if options[name] then options[name] = only(options[name], list) end
  end
  return { hub = request.hub, [field] = list, options = options }
end

local function check(kind, request)
  request.options.check_only = true
  local ok, err = core.request(kind, request, CHECK_MS)
  request.options.check_only = nil
  return ok, err
end

-- Messages name a child by its place in the request: it has another one in the call.
local function in_the_call(kind, err, before)
  local pattern = ("^(message%%.%s%%[)(%%d+)"):format(FIELD[kind])
  err.message = err.message:gsub(pattern, function(head, place) return head .. tonumber(place) + before end)
  return err
end

local function divide(kind, request, before, into)
  local count = #request[FIELD[kind]]
  local ok, err = check(kind, request)
  if ok then
    into[#into + 1] = request
    return true
  end
  if err.code ~= "too_large" or count == 1 then return nil, in_the_call(kind, err, before) end
  local middle = count // 2
  ok, err = divide(kind, part_of(kind, request, 1, middle), before, into)
  if not ok then return nil, err end
  return divide(kind, part_of(kind, request, middle + 1, count), before + middle, into)
end

--- The requests that take the place of one that is too large, in its order.
---@param kind "start"|"stop"
---@param request table  { hub, children or ids, options }
---@return table[]?
---@return luahub.Failure?  what is wrong with one of them; nothing has begun
function M.divide(kind, request)
  local into = {}
  local ok, err = divide(kind, part_of(kind, request, 1, #request[FIELD[kind]]), 0, into)
  if not ok then return nil, err end
  return into
end

return M
