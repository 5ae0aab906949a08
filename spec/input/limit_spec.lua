-- Limits that only a whole node reaches; what takes long is played on simulated nodes.
--
-- Those are tagged #notsan: they run on one thread, and ThreadSanitizer needs all the memory of a machine for them.
local cluster = require("spec.cluster.helper")
local histories = require("spec.sim.histories")

describe("The limits of a node", function()
  local function holds(name)
    histories.hold_seed(("spec/input/scenario/%s.lua"):format(name), 1)
  end

  it("of time: a hook handler, a stop, an agreement (L6) #notsan", function()
    holds("waits")
  end)

  it("of requests that wait, children that move, events that wait, and of pids of children that have moved"
      .. " #notsan", function()
    holds("crowd")
  end)

  it("of addresses that it dials (case 48) #notsan", function()
    holds("seeds")
  end)

  it("of children in one call", function()
    cluster.with({ secret = false }, function(world)
      local node = world:start("n1", { listen = false })
      assert.are.same({ "invalid_spec", "children must be a list of at most 1000000 child specs" }, node:eval([[
        local list = {}
        for i = 1, 1000001 do list[i] = 1 end
        local ok, err = require("luahub.core").request("start", { hub = "main", children = list })
        return { err.code, err.message }]]))
      node:start_children({ "after" })
    end)
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
