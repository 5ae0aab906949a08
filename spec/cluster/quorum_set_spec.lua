-- Real nodes whose hub has a quorum of an agreed member set, which they keep on disk. What ran is what the children
-- themselves wrote down.
local cluster = require("spec.cluster.helper")

local NODE = 'data_dir = "data-" .. os.getenv("NODE")'
local IDS = cluster.ids("c", 20)

local function majority(size)
  return {
    node = NODE,
    hub = ("partition_tolerance = luahub.partition_tolerance.majority_quorum { initial_size = %d }"):format(size),
  }
end

local function start(world, number, first)
  return world:start("n" .. number, { join = first and { first }, environment = "NODE=" .. number })
end

local function start_all(world, count)
  local nodes = {}
  for i = 1, count do nodes[i] = start(world, i, nodes[1]) end
  return nodes
end

local function is_partitioned(node) return node:eval("return hub:is_partitioned()") end

local function may_act(node)
  cluster.eventually(node.name .. " may act", function()
    return not node:eval("return hub:is_partitioned() or hub:is_locked()")
  end, 60)
end

describe("a majority quorum of real nodes", function()
  it("goes on from ten nodes down to six (T-013)", function()
    cluster.with(majority(6), function(world)
      local nodes = start_all(world, 6)
      for _, node in ipairs(nodes) do may_act(node) end
      nodes[1]:start_children(IDS)
      for i = 7, 10 do nodes[i] = start(world, i, nodes[1]) end
      world:settled(nodes, IDS)
      for left = 9, 6, -1 do
        table.remove(nodes):leave()
        assert.is_false(is_partitioned(nodes[1]))
        if left ~= 8 then world:settled(nodes, IDS) end
      end
      table.remove(nodes):kill()
      cluster.eventually("five of ten are no quorum", function() return is_partitioned(nodes[1]) end, 60)
    end)
  end)

  it("is not formed by a node that is started anew alone, and is by two of three (case 70)", function()
    cluster.with(majority(3), function(world)
      local nodes = start_all(world, 3)
      may_act(nodes[1])
      nodes[1]:start_children(IDS)
      world:settled(nodes, IDS)
      cluster.kill(nodes)
      local n1 = start(world, 1)
      cluster.eventually("it knows that it is alone", function() return is_partitioned(n1) end, 60)
      local code = n1:eval([[
        local result, err = hub:start_child({ id = "x", start = { "counter", 0 } }, { awaitable = true })
        if result then result, err = result:await() end
        return err and err.code or result:errors()[1].code]])
      assert.equal("partitioned", code)
      local n2 = start(world, 2, n1)
      may_act(n1)
      n1:start_children({ "y" })
      assert.is_true(n2:eval([[return hub:get_pid("y") ~= nil]]))
    end)
  end)
end)

describe("a node that kept a member set", function()
  local function refused(world, damage)
    local n1 = start(world, 1)
    may_act(n1)
    assert.equal(0, n1:leave())
    assert(os.execute(("cd '%s' && %s"):format(world.directory, damage)))
    local node = world:launch("n1", { environment = "NODE=1" })
    assert.equal(6, node:wait())
    return node:output():match("luahub: ([^\n]*)\n?$")
  end

  it("does not start with a damaged one", function()
    cluster.with(majority(1), function(world)
      assert.equal("./data-1/quorum is damaged and there is no copy; remove the whole data_dir to become a new node, "
        .. "and have the others forget this one", refused(world, "echo x >>data-1/quorum; echo >data-1/quorum.old"))
    end)
  end)

  it("does not start with another node's", function()
    cluster.with(majority(1), function(world)
      assert.equal("./data-1/quorum is another node's; give each node a data_dir of its own",
        refused(world, "rm data-1/identity"))
    end)
  end)

  it("goes on from the copy of a torn one", function()
    cluster.with(majority(1), function(world)
      local n1 = start(world, 1)
      may_act(n1)
      n1:kill()
      world:write("data-1/quorum", "luahub")
      may_act(start(world, 1))
    end)
  end)

  it("needs a directory for it", function()
    cluster.with({ hub = majority(1).hub }, function(world)
      local node = world:launch("n1")
      assert.equal(6, node:wait())
      assert.matches("its partition strategy keeps the set of members on disk: set node.data_dir", node:output(), 1,
        true)
    end)
  end)
end)

describe("a dynamic quorum of real nodes", function()
  it("of 80 per cent goes on while ten nodes lose two, and not three (T-012)", function()
    cluster.with({
      node = NODE,
      hub = "partition_tolerance = luahub.partition_tolerance.dynamic_quorum { initial_size = 6, size = 80, "
        .. "threshold_time = 3600000 }",
    }, function(world)
      local nodes = start_all(world, 6)
      for i = 7, 10 do nodes[i] = start(world, i, nodes[1]) end
      cluster.eventually("ten are members", function()
        return #nodes[1]:eval("return hub:quorum_members().members") == 10
      end, 60)
      for _ = 1, 2 do
        table.remove(nodes):leave()
        assert.is_false(is_partitioned(nodes[1]))
        may_act(nodes[1])
      end
      table.remove(nodes):leave()
      cluster.eventually("seven of ten are no quorum", function() return is_partitioned(nodes[1]) end, 60)
    end)
  end)
end)

describe("luahub quorum", function()
  it("shows the members, forgets one that is gone, and begins anew", function()
    cluster.with(majority(3), function(world)
      local nodes = start_all(world, 3)
      may_act(nodes[1])
      assert.same({ "main: 2 of n1 n2 n3\n", 0 }, { world:run("quorum n1") })
      assert.same({ "luahub: main: n3 is here: stop it first\n", 1 }, { world:run("quorum n1 --forget n3") })
      nodes[3]:kill()
      cluster.eventually("it is gone", function()
        return #nodes[1]:eval("return hub:nodes{ include_local = true }") == 2
      end)
      assert.same({ "main: forgets n3\n", 0 }, { world:run("quorum n2 --forget n3", 60) })
      assert.same({ "main: 2 of n1 n2\n", 0 }, { world:run("quorum n2") })
      nodes[2]:kill()
      cluster.eventually("one of two is no quorum", function() return is_partitioned(nodes[1]) end, 60)
      assert.same({ "main: begun anew with n1\n", 0 }, { world:run("quorum n1 --reset") })
      may_act(nodes[1])
      assert.same({ "main: 1 of n1\n", 0 }, { world:run("quorum n1") })
    end)
  end)
end)
