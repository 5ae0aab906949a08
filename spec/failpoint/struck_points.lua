-- The same steps in the simulator, in virtual time: each side killed, stopped for a moment, or stopped until it is
-- taken for dead, at each step, with and without a quorum. 36 seeds in a row are each of these once.
local sim = require("luahub.sim")

describe("A simulated hand-over that is struck at a step", function()
  it("73, 74: keeps the states that are promised, and runs each child once", function()
    for seed = 1, 72 do
      local report = assert(sim.run("spec/failpoint/scenario/struck.lua", { seed = seed }))
      assert(report.ok, ("seed %d: %s: %s\n%s"):format(seed, tostring(report.invariant), tostring(report.message),
        table.concat(report.history, "\n")))
    end
  end)
end)
