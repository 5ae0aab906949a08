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

local function ask(request, kind, left)
  local child = core.lookup(request.hub, request.id)
  if not child then return failure.new("not_found", "hub %s has no child %s", request.hub, request.id) end
  request.node, request.timeout = child.instances[1].node, left
  return core.request(kind, request, left + ANSWER_MARGIN_MS)
end

--- Asks the host of a child.
---@param kind string     of request, which the host's node takes from others
---@param request table   `hub` and `id` name the child; `node` and `timeout` are filled in
---@param ms number       for all of it
---@return any answer
---@return luahub.Failure?  not_found: no row names the child; else what the host, or the last one asked, said
function M.request(kind, request, ms)
  local by = core.now() + ms
  while true do
    local answer, err = ask(request, kind, math.max(math.floor(by - core.now()), 0))
    if answer or not NOT_TAKEN[err.code] then return answer, err end
    if core.now() + RETRY_FIRST_MS >= by or core.lookup(request.hub, request.id) == nil then return nil, err end
    core.sleep(RETRY_FIRST_MS)
  end
end

return M
