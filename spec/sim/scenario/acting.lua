-- acting.lua (spec) - a replicated child that tells the simulation whether it was told that it is the active one. Its
-- init fails while the node's storage says that it is refused there.

local luahub = require("luahub")
local seam = require("luahub.sim.seam")

local acting = {}

local function tell(role)
  local context = luahub.context()
  seam.tell({ hub = context.hub, child = context.id, node = seam.node, role = role })
end

function acting.init()
  if luahub.storage.get(luahub.context().hub, "refused") then return nil, "refused on this node" end
  tell("untold")
  return {}
end

function acting.redundancy(_, role)
  tell(role)
end

function acting.cast()
  tell("ended")
  error("told to fail")
end

function acting.terminate()
  tell("ended")
end

return acting
