-- What ProcessHub lost when nodes joined, left, were killed or cut off, and is not lost here: in the simulator, and L-2
-- on real nodes. The other L- numbers: doc/coming_from_processhub.md.
local cluster = require("spec.cluster.helper")
local sim = require("luahub.sim")

describe("Joins, leaves, kills and cuts", function()
  it("lose nothing of L-2, L-8, L-9, L-12, L-14, L-25, L-26, in the simulator #notsan", function()
    local report = assert(sim.search("spec/sim/scenario/losses.lua", 20))
    assert.is_true(report.ok, report.message)
  end)
end)

describe("Rows and answers, beside joins, leaves, kills and lost packets", function()
  it("are those of L-5, L-16, L-19, L-24, L-29 as they should be, in the simulator #notsan", function()
    local report = assert(sim.search("spec/sim/scenario/losses_rows.lua", 40))
    assert.is_true(report.ok, report.message)
  end)
end)

describe("L-2: a hot swap without handover", function()
  it("stops each child where it was, whoever joins", function()
    cluster.with({ hub = "migration = luahub.migration.hot_swap {}" }, function(world)
      local ids = cluster.ids("c", 40)
      local nodes = world:hub_of(2, ids)
      for i = 3, 4 do
        nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
      end
      world:settled(nodes, ids)
      local on = {}
      for _, node in pairs(nodes[1]:registry().nodes) do
        on[node] = (on[node] or 0) + 1
      end
      assert.is_true(on.n3 > 0 and on.n4 > 0)
    end)
  end)
end)
