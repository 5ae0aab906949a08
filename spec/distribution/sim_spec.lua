-- Distributions in the simulator: under chaos, and guided children whose nodes die and return.
local sim = require("luahub.sim")

describe("hubs of every built-in distribution", function()
  it("hold under chaos (L-14)", function()
    local report = sim.search("spec/sim/scenario/distributions.lua", 12, { minutes = 1 })
    assert.is_true(report.ok, report.message)
  end)

  -- A member voted for the next view while the child of the dead that it had been given still ran its init.
  it("give a child of the dead to one node while they place again", function()
    local report = sim.run("spec/sim/scenario/distributions.lua", { seed = 49, minutes = 1 })
    assert.is_true(report.ok, report.message)
  end)
end)

describe("a hub that goes by load", function()
  it("spares a node whose threads are busy, and takes it again (L-14)", function()
    local report = sim.search("spec/sim/scenario/load.lua", 5)
    assert.is_true(report.ok, report.message)
  end)
end)

describe("guided children", function()
  it("follow their nodes, whichever dies (L-25)", function()
    local report = sim.search("spec/sim/scenario/guided.lua", 12)
    assert.is_true(report.ok, report.message)
  end)
end)
