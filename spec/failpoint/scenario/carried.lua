-- carried.lua (spec) - a child that counts what it is asked, and says of which line it is: who goes on as another by a
-- hand-over keeps the line; who begins anew begins one.

local luahub = require("luahub")
local seam = require("luahub.sim.seam")

local carried = {}

function carried.init()
  return { count = 0, line = ("%s/%d"):format(seam.node, luahub.context().generation) }
end

function carried.call(state, request)
  if request == "add" then state.count = state.count + 1 end
  return { count = state.count, line = state.line }
end

function carried.handover(state)
  return state
end

function carried.takeover(_, handed)
  local context = luahub.context()
  seam.tell({ hub = context.hub, child = context.id, node = seam.node, role = "took over " .. handed.line })
  return handed
end

return carried
