-- taken_in.lua (spec) - a child that takes its time to be taken in by another node, and says there that it is at it.

local luahub = require("luahub")

local taken_in = {}

function taken_in.init(pause)
  return { pause = pause }
end

function taken_in.handover(state)
  return state
end

function taken_in.takeover(_, handed)
  luahub.storage.insert(luahub.context().hub, "taking", true)
  luahub.sleep(handed.pause)
  return handed
end

return taken_in
