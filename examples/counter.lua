-- counter.lua - a server that counts: the child of the other examples.
--
--   { id = "c1", start = { "counter", 10 } }        begins at 10
--   hub:call("c1", "increment")   hub:call("c1", { "increment", 5 })   hub:call("c1", "get")   hub:cast("c1", "reset")

local luahub = require("luahub")

local counter = {}

-- The state of a new counter. nil and a reason would refuse the start.
function counter.init(first)
  if first ~= nil and math.type(first) ~= "integer" then return nil, "counter: expected an integer to begin with" end
  return { count = first or 0 }
end

-- The reply to a request. Whatever raises here ends this child alone; its supervisor starts it again.
function counter.call(state, request)
  local name, amount = request, 1
  if type(request) == "table" then
    name, amount = request[1], request[2]
  end
  if name == "get" then return state.count end
  if name == "where" then return luahub.context().node end
  if name == "increment" then
    state.count = state.count + amount
    return state.count
  end
  error("counter: unknown request " .. tostring(name))
end

function counter.cast(state, message)
  if message == "reset" then state.count = 0 end
end

-- What goes along when the child moves (migration = luahub.migration.hot_swap{ handover = true }): plain data.
function counter.handover(state)
  return state.count
end

-- On the new node init runs first, then this with that state.
function counter.takeover(state, count)
  state.count = count
  return state
end

return counter
