-- world.lua - what the specs of the simulator share.
local world = {}

-- A stream of `sim` from host `a` to a listener of host `b` at `address`: what happened at each end.
function world.connect(sim, a, b, address)
  local ends = { client = { data = "" }, server = { data = "" } }
  local function handlers(side)
    return {
      connected = function() side.connected = sim:now() end,
      data = function(data) side.data = side.data .. data end,
      writable = function() side.writable = true end,
      closed = function(code, text) side.code, side.text, side.closed_at = code, text, sim:now() end,
    }
  end
  ends.listener = assert(b:listen(address, function(stream)
    ends.server.stream = stream
    stream:handle(handlers(ends.server))
  end))
  ends.client.stream = a:dial(address, handlers(ends.client))
  return ends
end

return world
