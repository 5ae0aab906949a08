-- Children of FILE that cannot be started when it is read: they are looked for until they have run once. Scenarios L of
-- ProcessHub's later versions that concern it, by their numbers.
local histories = require("spec.sim.histories")

describe("A child of FILE", function()
  it("that fails, that no node may have, or that waits for others, is started as soon as it can be (L4, L11, L13)",
    function() histories.hold("spec/sim/scenario/wanted.lua", 20) end)

  it("that all nodes want is started once, and then there are no more rounds (L3, L12, L23)",
    function() histories.hold("spec/sim/scenario/wanted_by_all.lua", 20) end)
end)
