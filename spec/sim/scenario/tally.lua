-- tally.lua (spec) - a child that counts what it is told, and takes the count along.
local tally = {}

function tally.init() return { count = 0 } end
function tally.call(state) return state.count end
function tally.cast(state) state.count = state.count + 1 end
function tally.handover(state) return state end
function tally.takeover(_, handed) return handed end

return tally
