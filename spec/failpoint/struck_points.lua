-- The same steps in the simulator, in virtual time: each side killed, stopped for a moment, or stopped until it is
-- taken for dead, at each step, with and without a quorum. 36 seeds in a row are each of these once.
local histories = require("spec.sim.histories")

describe("A simulated hand-over that is struck at a step", function()
  it("73, 74: keeps the states that are promised, and runs each child once", function()
    histories.hold("spec/failpoint/scenario/struck.lua", 72)
  end)
end)
