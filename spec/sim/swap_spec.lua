-- Children that move to nodes that join, by ProcessHub's numbers: what it lost, or promised, does not happen, or holds.
local sim = require("luahub.sim")

local function hold(name)
  for seed = 1, 6 do
    local report = assert(sim.run("spec/sim/scenario/" .. name .. ".lua", { seed = seed }))
    assert(report.ok, ("seed %d: %s: %s\n%s"):format(seed, tostring(report.invariant), tostring(report.message),
      table.concat(report.history, "\n")))
  end
end

describe("A simulated join", function()
  it("L-1, L-3, L-13, L-21, L-30, T-434: loses no child, no state and no time (C3, G1, G2, G3, G4, G13)",
    function() hold("swaps") end)

  it("leaves children as they are that are busy for longer than a move may take, and moves them later (G5)",
    function() hold("busy_move") end)
end)
