-- courier.lua - sends a start or stop request off with a process that waits for its answer, so that the caller need
-- not.
--
-- The process (luahub.courier.process) tells those in `reply_to` what each child came to. Its arguments are plain data,
-- so it runs in any heap.

local core = require("luahub.core")

local M = {}

--- Sends a request off.
---@param kind "start"|"stop"
---@param request table          what core.request takes
---@param reply_to userdata[]    who is told, once for each child; may be empty
---@param key string             the first field of each message
---@param timeout number         ms
---@param answer any             what to answer when it is on its way
---@return any answer
---@return luahub.Failure?
function M.send(kind, request, reply_to, key, timeout, answer)
  local pid, err = core.spawn({ "luahub.courier.process", kind, request, reply_to, key, timeout })
  if not pid then return nil, err end
  return answer
end

return M
