-- teller.lua (spec) - a child that is handed over, and counts.

local teller = {}

function teller.init()
  return { count = 0 }
end

function teller.call(state)
  state.count = state.count + 1
  return state.count
end

function teller.handover(state)
  return state.count
end

function teller.takeover(_, count)
  return { count = count }
end

return teller
