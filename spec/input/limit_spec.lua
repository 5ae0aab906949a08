-- Limits that only a whole node reaches; what takes long is played on simulated nodes.
local cluster = require("spec.cluster.helper")
local sim = require("luahub.sim")

describe("The limits of a node", function()
  it("of time: a hook handler, a stop, an agreement", function()
    local report = assert(sim.run("spec/input/scenario/waits.lua", { seed = 1 }))
    assert(report.ok, ("%s: %s\n%s"):format(tostring(report.invariant), tostring(report.message),
      table.concat(report.history, "\n")))
  end)

  it("of hubs on a node", function()
    local hubs = {}
    for i = 1, 65 do
      hubs[i] = ("{ id = 'h%d' }"):format(i)
    end
    local file = ("return { node = {}, hubs = { %s } }"):format(table.concat(hubs, ", "))
    cluster.with({ file = file }, function(world)
      local node = world:launch("n1", { listen = false })
      assert.are.equal(6, node:wait())
      assert.is_truthy(node:output():find("luahub: hub h65: a node runs at most 64 hubs\n", 1, true), node:output())
    end)
  end)
end)
