-- bench_state.lua - a child with 100 bytes of state that goes along when it is handed over.

local server = {}

local TEXT = ("x"):rep(84)

function server.init(number)
  return { number = number, count = 0, text = TEXT }
end

function server.call(state, request)
  if request == "count" then state.count = state.count + 1 end
  return state.count
end

function server.handover(state)
  return state
end

function server.takeover(_, state)
  return state
end

return server
