-- Nodes that are drained while others are cut off, die and come back.
local histories = require("spec.sim.histories")

describe("A simulated node that is drained", function()
  it("loses no child whatever happens meanwhile, and takes some again afterwards", function()
    histories.hold("spec/sim/scenario/drained.lua", 20)
  end)
end)
