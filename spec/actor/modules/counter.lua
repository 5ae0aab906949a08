-- A server with every callback; what it does is asked for by the request.
local luahub = require "luahub.core"

local M = {}

function M.init(options)
  options = options or {}
  if options.refuse then return nil, options.refuse end
  if options.raise then error(options.raise) end
  if options.loop then while true do end end
  if options.wait then luahub.sleep(options.wait) end
  if options.link then luahub.link(options.link) end
  if options.trap then luahub.trap_exit(true) end
  if options.slow_close then setmetatable({}, { __gc = function() end }) end
  return { n = options.n or 0, seen = {}, tell = options.tell, stop = options.stop }
end

local requests = {}
function requests.add(state, request)
  state.n = state.n + request.by
  return state.n
end
function requests.get(state) return state.n end
function requests.seen(state) return state.seen end
function requests.raise() error("told to raise") end
function requests.exit(_, request) luahub.exit(request.reason) end
function requests.sleep(state, request)
  if request.tell then luahub.send(request.tell, "sleeping") end
  luahub.sleep(request.ms)
  return state.n
end
function requests.loop(_, request)
  luahub.send(request.tell, "looping")
  while true do end
end
function requests.sort() table.sort({ 1, 2, 3 }, function() while true do end end) end
function requests.blocked() return os.execute("sleep 0.4") end
function requests.unsendable() return { f = print } end
function requests.context() return luahub.context() end
function requests.forward(_, request) return { luahub.call(request.to, request.request, request.ms) } end
function requests.receive(_, request)
  luahub.send(request.tell, "receiving")
  return { luahub.receive(request.ms) }
end
function requests.later(state, request, from)
  state.from = from
  luahub.send(request.tell, "asked")
  return luahub.later
end
function requests.release(state, request)
  luahub.reply(state.from, request.value)
  return true
end
function requests.monitor(_, request) return luahub.monitor(request.pid) end
function requests.link(_, request) return luahub.link(request.pid) end

function M.call(state, request, from)
  if math.type(request) == "integer" then return request + 1 end
  return requests[request.kind](state, request, from)
end

function M.cast(state, message) state.seen[#state.seen + 1] = message end
function M.info(state, message) state.seen[#state.seen + 1] = message end
function M.handover(state) return { n = state.n } end
function M.takeover(state, handed)
  if handed.answer == "nothing" then
    state.n = handed.n
    return
  end
  if handed.answer then return handed.answer end
  return { n = handed.n, seen = state.seen }
end
function M.terminate(state, reason)
  if state.tell then luahub.send(state.tell, { terminated = reason, n = state.n }) end
  if state.stop == "loop" then while true do end end
  if state.stop == "wait" then luahub.sleep(10000) end
end

return M
