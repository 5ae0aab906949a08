-- sim/probe.lua - a child that tells the simulation what it is given. Its state goes along in a hot move.
--
--   { id = "p1", start = { "luahub.sim.probe", 1500 } }   its init takes 1500 ms

local luahub = require("luahub")
local seam = require("luahub.sim.seam")

local probe = {}

function probe.init(pause)
  if pause then luahub.sleep(pause) end
  return { given = 0 }
end

local function take(state, message)
  if message.fail then error("told to fail") end
  state.given = state.given + 1
  seam.tell({ child = luahub.context().id, node = seam.node, burst = message.burst, place = message.place })
  return state.given
end

function probe.call(state, message)
  return take(state, message)
end

function probe.cast(state, message)
  take(state, message)
end

function probe.handover(state)
  return state
end

function probe.takeover(_, handed)
  return handed
end

return probe
