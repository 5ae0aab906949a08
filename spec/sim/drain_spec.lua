-- Nodes that are drained while others are cut off, die and come back.
local sim = require("luahub.sim")

describe("A simulated node that is drained", function()
  it("loses no child whatever happens meanwhile, and takes some again afterwards", function()
    for seed = 1, 20 do
      local report = assert(sim.run("spec/sim/scenario/drained.lua", { seed = seed }))
      assert(report.ok, ("%s: %s\n%s"):format(tostring(report.invariant), tostring(report.message),
        table.concat(report.history, "\n")))
    end
  end)
end)
