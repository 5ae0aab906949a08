-- courier/process.lua - the process that luahub.courier sends off: waits for one answer and tells who asked for it.

local core = require("luahub.core")
local failure = require("luahub.failure")

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
    local pid = answer.pids and answer.pids[i] or nil
    out[#out + 1] = { id = id, node = answer.nodes[i], result = { status = "ok", pid = pid } }
  end
  for _, e in ipairs(answer.errors or {}) do
    local told = { status = "error", code = e.code, message = failure.line(e.message) }
    out[#out + 1] = { id = e.id, node = e.node ~= "" and e.node or nil, result = told }
  end
  return out
end

---@param kind "start"|"stop"
---@param request table
---@param reply_to userdata[]
---@param key string
---@param timeout number  ms
return function(kind, request, reply_to, key, timeout)
  local answer, err = core.request(kind, request, timeout)
  if #reply_to == 0 then return end
  local dispatcher = require("luahub.dispatcher")
  for _, outcome in ipairs(outcomes(request, answer, err)) do
    dispatcher.reply_respondents(reply_to, key, outcome.id, outcome.result, outcome.node)
  end
end
