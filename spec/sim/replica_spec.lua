-- Hubs whose children run on several nodes at a time, in simulated clusters that have trouble.
local histories = require("spec.sim.histories")

describe("Simulated replicas", function()
  it("run as often as they are to at rest, and exactly one of them is active", function()
    histories.hold("examples/sim/replicas.lua", 20)
  end)

  it("have one that was told that it is active, and never two, whichever nodes cannot run them (L-4)", function()
    histories.hold("spec/sim/scenario/replica_roles.lua", 150)
  end)

  it("have never two that were told so where a quorum decides", function()
    histories.hold("spec/sim/scenario/replica_roles_quorum.lua", 40)
  end)

  it("run on every node by each distribution, those that count and those of a user too", function()
    histories.hold("spec/sim/scenario/replica_everywhere.lua", 40)
  end)

  it("run on exactly those nodes that a strategy of the user's names, the first of them active", function()
    histories.hold("spec/sim/scenario/replica_own.lua", 40)
  end)

  it("have one metadata at rest, whoever changed it at once", function()
    histories.hold("spec/sim/scenario/replica_metadata.lua", 30)
  end)

  it("end on the side of a split that has no quorum, and run twice on the other", function()
    histories.hold("spec/sim/scenario/replica_quorum.lua", 15)
  end)
end)
