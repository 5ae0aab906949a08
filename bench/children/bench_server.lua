-- bench_server.lua - the child of all measurements: answers what it is asked, counts what it is told, and measures
-- from inside a child when it is asked to.

local server = {}

function server.init()
  return { count = 0 }
end

function server.call(state, request)
  if type(request) == "table" and request.measure then
    return require("measure")[request.measure](request, state)
  end
  if request == "count" then return state.count end
  return request
end

function server.cast(state)
  state.count = state.count + 1
end

return server
