-- courier.lua - a process that carries one start or stop request out and tells those who wait for it.
--
-- Spawned by luahub.dispatcher for requests with `reply_to`: the caller goes on, the answers arrive as messages. Its
-- arguments are plain data, so it runs in any heap.

local core = require("luahub.core")
local dispatcher = require("luahub.dispatcher")

-- What each child of the request came to, from the node's answer or its refusal.
local function outcomes(request, answer, err)
  local out = {}
  if not answer then
    for _, child in ipairs(request.children or request.ids) do
      local id = type(child) == "table" and child.id or child
      out[#out + 1] = { id = id, result = { status = "error", code = err.code, message = err.message } }
    end
    return out
  end
  for i, id in ipairs(answer.ids or {}) do
    out[#out + 1] = { id = id, node = answer.nodes[i], result = { status = "ok", pid = (answer.pids or {})[i] } }
  end
  for _, e in ipairs(answer.errors or {}) do
    out[#out + 1] = { id = e.id, node = e.node, result = { status = "error", code = e.code, message = e.message } }
  end
  return out
end

---@param kind "start"|"stop"
---@param request table          what core.request takes
---@param reply_to userdata[]    who is told, once for each child
---@param key string             the first field of each message
---@param timeout number         ms
return function(kind, request, reply_to, key, timeout)
  local answer, err = core.request(kind, request, timeout)
  for _, outcome in ipairs(outcomes(request, answer, err)) do
    dispatcher.reply_respondents(reply_to, key, outcome.id, outcome.result, outcome.node)
  end
end
