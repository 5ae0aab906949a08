-- Promises of doc/guarantees.md about what is lost: with a process, with all of them, with a disk; and a machine that
-- is suspended for hours.
local sim = require("luahub.sim")

local function hold(name, seeds)
  for seed = 1, seeds or 5 do
    local report = assert(sim.run("spec/sim/scenario/" .. name .. ".lua", { seed = seed }))
    assert(report.ok, ("seed %d: %s: %s\n%s"):format(seed, tostring(report.invariant), tostring(report.message),
      table.concat(report.history, "\n")))
  end
end

describe("What is lost", function()
  it("with a node is the state of its children, which a graceful stop keeps; with all nodes all but FILE's children",
    function() hold("lost_power") end)

  it("with a disk is a member of the set: it counts until too few are left, and nothing runs", function()
    hold("lost_disks")
  end)
end)

describe("A machine that is suspended for hours", function()
  it("finds its children elsewhere, and gets them back by moves, each once (case 55)", function()
    hold("suspended", 1)
  end)
end)
