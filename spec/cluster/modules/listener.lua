-- listener.lua - keeps what it is told, and what hooks and events tell it: the child "listener".

local luahub = require("luahub")

local listener = {}

function listener.init()
  return { heard = {} }
end

function listener.call(state, request)
  if request == "heard" then return state.heard end
  if request == "pid" then return luahub.self() end
  table.insert(state.heard, request)
  return true
end

function listener.cast(state, message)
  table.insert(state.heard, message)
end

function listener.info(state, message)
  table.insert(state.heard, message)
end

--- A waiting handler: tells the child `id` about it.
function listener.tell(id, key, data)
  luahub.sleep(1)
  return luahub.hub("main"):call(id, { key = key, node = luahub.context().node, data = data })
end

return listener
