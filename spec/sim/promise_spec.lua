-- Promises of doc/guarantees.md about what is lost: with a process, with all of them, with a disk; and a machine that
-- is suspended for hours.
local histories = require("spec.sim.histories")

describe("What is lost", function()
  it("with a node is the state of its children, which a graceful stop keeps; with all nodes all but FILE's children",
    function() histories.hold("spec/sim/scenario/lost_power.lua", 5) end)

  it("with a disk is a member of the set: it counts until too few are left, and nothing runs", function()
    histories.hold("spec/sim/scenario/lost_disks.lua", 5)
  end)
end)

describe("A machine that is suspended for hours", function()
  it("finds its children elsewhere, and gets them back by moves, each once (case 55)", function()
    histories.hold("spec/sim/scenario/suspended.lua", 1)
  end)
end)
