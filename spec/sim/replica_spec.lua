-- Hubs whose children run on several nodes at a time, in simulated clusters that have trouble.
local sim = require("luahub.sim")

describe("Simulated replicas", function()
  it("run as often as they are to at rest, and exactly one of them is active", function()
    for seed = 1, 20 do
      local report = assert(sim.run("examples/sim/replicas.lua", { seed = seed }))
      assert(report.ok, ("seed %d: %s: %s\n%s"):format(seed, tostring(report.invariant), tostring(report.message),
        table.concat(report.history, "\n")))
    end
  end)
end)
