-- Children of FILE that cannot be started when it is read: they are looked for until they have run once. Scenarios L of
-- ProcessHub's later versions that concern it, by their numbers.
local sim = require("luahub.sim")

local function hold(name)
  for seed = 1, 20 do
    local report = assert(sim.run("spec/sim/scenario/" .. name .. ".lua", { seed = seed }))
    assert(report.ok, ("seed %d: %s: %s\n%s"):format(seed, tostring(report.invariant), tostring(report.message),
      table.concat(report.history, "\n")))
  end
end

describe("A child of FILE", function()
  it("that fails, that no node may have, or that waits for others, is started as soon as it can be (L4, L11, L13)",
    function() hold("wanted") end)

  it("that all nodes want is started once, and then there are no more rounds (L3, L12, L23)",
    function() hold("wanted_by_all") end)
end)
