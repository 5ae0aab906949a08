-- The user's own strategies of each kind, on real nodes; what children say themselves decides.
local cluster = require("spec.cluster.helper")
local replicas = require("spec.cluster.replicas")

local IDS = cluster.ids("c", 24)

local function counted(nodes, ids)
  for i, id in ipairs(ids) do
    nodes[i % #nodes + 1]:eval(('return assert(hub:call(%q, { "add", %d }))'):format(id, i))
  end
end

describe("A migration strategy of the user's", function()
  -- Even ones move with their state, odd ones stay.
  local HUB = [[migration = { move = function(children)
      local plan = {}
      for i, child in ipairs(children) do
        plan[i] = tonumber(child.id:match("%d+")) % 2 == 0 and "hot"
      end
      return plan
    end }]]

  it("decides which children move to a node that joins, and how", function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = { world:start("n1") }
      nodes[2] = world:start("n2", { join = { nodes[1] } })
      nodes[1]:start_children(IDS)
      counted(nodes, IDS)
      local before = nodes[1]:ask(IDS, '"where"')
      nodes[3] = world:start("n3", { join = { nodes[1] } })
      cluster.eventually("some have moved", function()
        local places = nodes[1]:ask(IDS, '"where"')
        for _, id in ipairs(IDS) do
          if places[id] and places[id].node == "n3" then return true end
        end
        return false
      end)
      cluster.eventually("nothing moves any more", function()
        return not nodes[1]:registry().locked
      end)
      local after, counts = nodes[2]:ask(IDS, '"where"'), nodes[3]:ask(IDS, '"get"')
      for i, id in ipairs(IDS) do
        assert.are.equal(i, counts[id])
        if i % 2 == 1 then assert.are.same(before[id], after[id]) end
        if after[id].node == "n3" then assert.are.equal(0, i % 2) end
      end
    end)
  end)
end)

describe("A partition strategy of the user's", function()
  local HUB = [[partition_tolerance = { may_act = function(view)
      if #view.nodes >= 2 then return true end
      return false, "only one node of three is here"
    end }]]

  it("T-035, T-160, T-164, T-165, L-8: keeps one node of three from acting, which says so, until another is back",
    function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = { world:start("n1") }
      for i = 2, 3 do
        nodes[i] = world:launch("n" .. i, { join = { nodes[1] } })
      end
      for i = 2, 3 do
        nodes[i]:ready()
      end
      nodes[1]:start_children(IDS)
      local before = world:settled(nodes, IDS)
      assert.is_false(nodes[1]:eval("return hub:is_partitioned()"))
      cluster.kill({ nodes[2], nodes[3] })
      cluster.eventually("the last one says that it may not act", function()
        return nodes[1]:eval("return hub:is_partitioned()")
      end)
      local own = {}
      for _, id in ipairs(IDS) do
        if before[id] == "n1" then own[#own + 1] = id end
      end
      local places, wrong = nodes[1]:ask(own, '"where"')
      assert.are.same({}, wrong)
      for _, id in ipairs(own) do
        assert.are.equal("n1", places[id].node)
      end
      assert.are.equal("partitioned", nodes[1]:eval([[
        local future, err = hub:start_child({ id = "new", start = { "tracked" } }, { awaitable = true, timeout = 2000 })
        if not future then return err.code end
        return future:await():errors()[1].code]]))
      for id, count in pairs(world:starts()) do
        assert(count == 1, id .. " was started again")
      end
      local n2 = world:start("n2", { join = { nodes[1] } })
      world:settled({ nodes[1], n2 }, IDS)
      assert.is_false(nodes[1]:eval("return hub:is_partitioned()"))
      nodes[1]:start_children({ "new" })
    end)
  end)
end)

describe("A redundancy strategy of the user's", function()
  it("is asked when the hub starts, and gives each child so many instances, of which one may be active", function()
    local hub = [[redundancy = { model = "active_passive", signal = "all", factor = function() return 2 end }]]
    cluster.with({ hub = hub }, function(world)
      local nodes = { world:start("n1") }
      for i = 2, 3 do nodes[i] = world:start("n" .. i, { join = { nodes[1] } }) end
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[2], IDS)
      replicas.settled(world, nodes, IDS, 2, "told")
      nodes[3]:kill()
      replicas.settled(world, { nodes[1], nodes[2] }, IDS, 2, "told")
    end)
  end)
end)

describe("A strategy of the user's that fails", function()
  it("fails the operation and is asked again for what has to be recovered", function()
    local hub = [[distribution = { place = function(ids, view)
        if io.open("broken") then error("broken as told") end
        local owners = {}
        for i, id in ipairs(ids) do owners[i] = tonumber(id:match("%d+")) % #view.nodes + 1 end
        return owners
      end }]]
    cluster.with({ hub = hub }, function(world)
      local nodes = { world:start("n1") }
      for i = 2, 3 do
        nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
      end
      nodes[2]:start_children(IDS)
      world:settled(nodes, IDS)
      world:write("broken", "")
      local failed = nodes[1]:eval([[
        local spec = { id = "c99", start = { "tracked" } }
        return hub:start_child(spec, { awaitable = true }):await():errors()[1].message]])
      assert.matches("broken as told", failed)
      nodes[3]:kill()
      cluster.eventually("it was asked", function()
        return nodes[1]:output():find("broken as told", 1, true)
      end)
      assert(os.remove(world.directory .. "/broken"))
      world:settled({ nodes[1], nodes[2] }, IDS)
    end)
  end)
end)

describe("A distribution of the user's with replication by a number", function()
  -- The nodes that follow one which the number of the child chooses. While the file "broken" is there it raises, while
  -- "twice" is there it names a node twice.
  local HUB = [[redundancy = luahub.redundancy.replication { factor = 2, model = "active_passive", signal = "all" },
    distribution = { place = function(ids, view, options)
      if io.open("broken") then error("broken as told") end
      local out = {}
      for i = 1, options.factor do
        out[i] = (tonumber(ids[1]:match("%d+")) + (io.open("twice") and 0 or i)) % #view.nodes + 1
      end
      return out
    end }]]

  local function expected_of(id, names)
    local number, expected = tonumber(id:match("%d+")), {}
    for i = 1, math.min(2, #names) do
      local name = names[(number + i) % #names + 1]
      expected[#expected + 1] = name .. (i == 1 and " active" or " passive")
    end
    table.sort(expected)
    return table.concat(expected, ", ")
  end

  local function found_of(modes)
    local found = {}
    for name, mode in pairs(modes) do found[#found + 1] = name .. " " .. mode end
    table.sort(found)
    return table.concat(found, ", ")
  end

  -- Where the children themselves say that they run, and as what, is what the strategy says, and is listed.
  local function settled(world, nodes)
    local names = {}
    for i, node in ipairs(nodes) do names[i] = node.name end
    cluster.eventually("the children run where the strategy says", function()
      local modes = replicas.track(world)
      for _, id in ipairs(IDS) do
        local expected, found = expected_of(id, names), found_of(modes[id] or {})
        if found ~= expected then return false, ("%s: %s instead of %s"):format(id, found, expected) end
      end
      return true
    end)
    replicas.settled(world, nodes, IDS, math.min(2, #nodes), "told")
  end

  it("runs each child on exactly those nodes that it names, the first one active, through joins, a death and a leave",
    function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = { world:start("n1") }
      replicas.start(nodes[1], IDS)
      for i = 2, 4 do nodes[i] = world:start("n" .. i, { join = { nodes[1] } }) end
      settled(world, nodes)
      nodes[2]:kill()
      local left = { nodes[1], nodes[3], nodes[4] }
      settled(world, left)
      assert.are.equal(0, nodes[4]:leave())
      settled(world, { nodes[1], nodes[3] })
    end)
  end)

  local SAID = {
    broken = "broken as told",
    twice = "the distribution strategy's place%(%) answered %d+ twice for c%d+: expected 2 different nodes",
  }
  for file, said in pairs(SAID) do
    it("changes nothing while it fails (" .. file .. "), says so in a line, and is asked again", function()
      cluster.with({ hub = HUB }, function(world)
        local nodes = { world:start("n1") }
        nodes[2] = world:start("n2", { join = { nodes[1] } })
        replicas.settled(world, nodes, {}, 2)
        replicas.start(nodes[2], IDS)
        settled(world, nodes)
        world:write(file, "")
        nodes[3] = world:start("n3", { join = { nodes[1] } })
        cluster.eventually("it was asked", function()
          return nodes[1]:output():match(said), nodes[1]:output()
        end)
        local modes = replicas.track(world)
        for _, id in ipairs(IDS) do
          assert.is_truthy(modes[id].n1 and modes[id].n2, id)
          assert.is_nil(modes[id].n3)
        end
        assert(os.remove(world.directory .. "/" .. file))
        settled(world, nodes)
      end)
    end)
  end
end)
