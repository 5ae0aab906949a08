-- watcher.lua - a child that watches its hub and keeps what it is told: { "watcher", filter }.

local luahub = require("luahub")

local watcher = {}

function watcher.init(filter)
  return { told = {}, ref = assert(luahub.hub("main"):watch(filter)) }
end

function watcher.info(state, message)
  table.insert(state.told, message)
end

function watcher.call(state, request)
  if request == "unwatch" then return luahub.hub("main"):unwatch(state.ref) end
  if type(request) == "number" then
    luahub.sleep(request)
    return true
  end
  local out = {}
  for i, message in ipairs(state.told) do
    assert(message.type == "watch" and message.hub == "main" and message.ref == state.ref)
    local metadata = message.metadata or {}
    out[i] = table.concat({ message.change, message.id, message.node, tostring(metadata.step) }, " ")
  end
  return out
end

return watcher
