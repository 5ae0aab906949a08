-- at_host.lua - asks the host of a child something about it, wherever it is now.
--
-- The host is looked up, and asked again, within the deadline, only after an explicit "not here": the child is on its
-- way, or its host is not reached.

local core = require("luahub.core")
local failure = require("luahub.failure")

local M = {}

local ANSWER_MARGIN_MS = 1000 -- what the answer may take beyond the operation's own time
local RETRY_FIRST_MS = 20

-- Nobody took the request.
local NOT_TAKEN = { not_here = true, not_found = true, not_alive = true, unreachable = true }

-- The host of the first instance that was not asked; nil and whether there is any instance.
local function next_host(request, asked)
  local child = core.lookup(request.hub, request.id)
  for _, instance in ipairs(child and child.instances or {}) do
    if not asked[instance.node] then return instance.node end
  end
  return nil, child ~= nil
end

local function not_found(request)
  return failure.new("not_found", "hub %s has no child %s", request.hub, request.id)
end

local function ask(kind, request, node, left)
  request.node, request.timeout = node, left
  return core.request(kind, request, left + ANSWER_MARGIN_MS)
end

-- Asks the first host that was not asked, until one takes it.
local function request_next(kind, request, by, asked)
  while true do
    local node, exists = next_host(request, asked)
    if not node then
      if exists then return nil end
      return not_found(request)
    end
    local answer, err = ask(kind, request, node, math.max(math.floor(by - core.now()), 0))
    if answer then asked[node] = true end
    if answer or not NOT_TAKEN[err.code] then return answer, err end
    if core.now() + RETRY_FIRST_MS >= by or core.lookup(request.hub, request.id) == nil then return nil, err end
    core.sleep(RETRY_FIRST_MS)
  end
end

--- Asks the host of a child.
---@param kind string     of request, which the host's node takes from others
---@param request table   `hub` and `id` name the child; `node` and `timeout` are filled in
---@param ms number       for all of it
---@return any answer
---@return luahub.Failure?  not_found: no row names the child; else what the host, or the last one asked, said
function M.request(kind, request, ms)
  return request_next(kind, request, core.now() + ms, {})
end

--- Asks each host of a child, one after the other, the first instance's first.
---@param kind string
---@param request table
---@param ms number  for all of them
---@return table? answer  the first whose `status` is not "ok", else the last
---@return luahub.Failure?  as of `request`
function M.request_all(kind, request, ms)
  local by, asked, last = core.now() + ms, {}, nil
  while true do
    local answer, err = request_next(kind, request, by, asked)
    -- It ended meanwhile, with what it was told.
    if not answer and last and (not err or err.code == "not_found") then return last end
    if not answer or answer.status ~= "ok" then return answer, err end
    last = answer
  end
end

return M
