-- Children that move to nodes that join, by ProcessHub's numbers: what it lost, or promised, does not happen, or holds.
local histories = require("spec.sim.histories")

describe("A simulated join", function()
  it("L-1, L-3, L-13, L-21, L-30, T-434: loses no child, no state and no time (C3, G1, G2, G3, G4, G13)",
    function() histories.hold("spec/sim/scenario/swaps.lua", 6) end)

  it("leaves children as they are that are busy for longer than a move may take, and moves them later (G5)",
    function() histories.hold("spec/sim/scenario/busy_move.lua", 6) end)
end)
