-- Children moved by hand. The numbers are those of the scenarios that ProcessHub's later versions describe.
local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 30)

-- A child on one node.
local function one_of(node, name)
  for _, id in ipairs(IDS) do
    if node:registry().nodes[id] == name then return id end
  end
  error("no child runs on " .. name)
end

local function place(node, id)
  return node:registry().nodes[id]
end

local function migrate(node, id, to, more)
  return node:eval(("local ok, err = hub:migrate_child(%q, %q, %s) return ok or { err.code, err.message }"):format(
    id, to, more or "nil"))
end

describe("A child that is moved by hand", function()
  it("goes to its node with its state, asked from anywhere, and stays when nodes join (J1, J2, J6)", function()
    cluster.with({ hot = true }, function(world)
      local nodes = world:hub_of(3, IDS)
      local id = one_of(nodes[1], "n1")
      nodes[1]:eval(("return hub:call(%q, { 'add', 7 })"):format(id))
      assert.is_true(migrate(nodes[3], id, "n2"))
      assert.are.equal("n2", place(nodes[2], id))
      assert.are.equal(7, nodes[1]:sum({ id }))
      nodes[4] = world:start("n4", { join = { nodes[1] } })
      world:settled(nodes, IDS)
      assert.are.equal("n2", place(nodes[1], id))
      assert.is_true(nodes[4]:eval(("return hub:release_child(%q)"):format(id)))
      cluster.eventually("it goes back to where it belongs", function()
        return place(nodes[2], id) == "n1" or place(nodes[2], id) == "n4", place(nodes[2], id)
      end)
      world:settled(nodes, IDS)
      assert.are.equal(7, nodes[1]:sum({ id }))
    end)
  end)

  it("is kept where it runs already, and refused what is not there (J3)", function()
    cluster.with(nil, function(world)
      local nodes = world:hub_of(2, IDS)
      local id = one_of(nodes[1], "n2")
      assert.is_true(migrate(nodes[1], id, "n2"))
      assert.are.same({ "not_a_member", "no node 'n9' takes children of the hub" }, migrate(nodes[1], id, "n9"))
      assert.are.same({ "not_found", "hub main has no child none" }, migrate(nodes[1], "none", "n2"))
      nodes[2]:eval("return hub:cordon()")
      local other = one_of(nodes[1], "n1")
      cluster.eventually("n1 knows that n2 takes none", function()
        return migrate(nodes[1], other, "n2", "{ timeout = 100 }")[1] == "not_a_member"
      end)
      world:settled(nodes, IDS)
    end)
  end)

  it("is recovered when its node dies, and when it dies on its way", function()
    for _, hot in ipairs({ true, false }) do
      cluster.with({ hot = hot }, function(world)
        local nodes = world:hub_of(3, IDS)
        local id, other = one_of(nodes[1], "n1"), one_of(nodes[1], "n2")
        assert.is_true(migrate(nodes[1], id, "n3"))
        nodes[2]:eval(("luahub.spawn(function() luahub.hub('main'):migrate_child(%q, 'n3') end)"):format(other))
        nodes[3]:kill()
        world:settled({ nodes[1], nodes[2] }, IDS)
      end)
    end
  end)

  it("is moved and let go from the command line", function()
    cluster.with(nil, function(world)
      local nodes = world:hub_of(2, IDS)
      local id = one_of(nodes[1], "n1")
      assert.are.same({ id .. " runs on n2\n", 0 }, { world:run(("migrate n1 %s n2"):format(id)) })
      assert.are.same({ id .. " goes where it belongs\n", 0 }, { world:run(("release n1 %s --hub main"):format(id)) })
      cluster.eventually("it is back", function()
        return place(nodes[2], id) == "n1"
      end)
      assert.are.same({ "no node 'n9' takes children of the hub\n", 1 }, { world:run(("migrate n1 %s n9"):format(id)) })
    end)
  end)
end)
