local cluster = require("spec.cluster.helper")

-- A hub of nodes n1 to nCOUNT with these children. Answers the list of nodes.
local function hub_of(world, count, ids)
  local nodes = { world:start("n1") }
  for i = 2, count do
    nodes[i] = world:launch("n" .. i, { join = { nodes[1] } })
  end
  for i = 2, count do
    nodes[i]:ready()
  end
  nodes[count]:start_children(ids)
  world:settled(nodes, ids)
  return nodes
end

local function on(places, name)
  local count = 0
  for _, node in pairs(places) do
    if node == name then count = count + 1 end
  end
  return count
end

-- How often children wrote that this happened to them on a node.
local function written(world, event, node)
  local count, wanted = 0, ("^%s %%S+ %d "):format(event, node.pid)
  for line in io.lines(world.track_file) do
    if line:find(wanted) then count = count + 1 end
  end
  return count
end

describe("Nodes that die", function()
  local IDS = cluster.ids("c", 60)

  it("leave every child running exactly once on the others, which keep what they had (case 85)", function()
    for _ = 1, 3 do
      cluster.with(nil, function(world)
        local nodes = hub_of(world, 3, IDS)
        local before = nodes[1]:registry().nodes
        assert.is_true(on(before, "n3") > 0)
        nodes[3]:kill()
        local after = world:settled({ nodes[1], nodes[2] }, IDS)
        for _, id in ipairs(IDS) do
          if before[id] ~= "n3" then assert.are.equal(before[id], after[id]) end
        end
        assert.is_true(written(world, "init", nodes[3]) > 0)
        assert.are.equal(0, written(world, "terminate", nodes[3]))
      end)
    end
  end)

  it("leave specs, metadata and tags intact, and higher generations (L21)", function()
    cluster.with(nil, function(world)
      local nodes = hub_of(world, 3, {})
      nodes[1]:start_children(IDS, [[metadata = { tag = "tracked", note = "note of " .. id }, restart = "transient"]])
      local before = nodes[1]:ask(IDS, '"where"')
      nodes[3]:kill()
      world:settled({ nodes[1], nodes[2] }, IDS)
      local after = nodes[1]:ask(IDS, '"where"')
      for _, id in ipairs(IDS) do
        if before[id].node == "n3" then
          assert.is_true(after[id].generation > before[id].generation)
          local child = nodes[2]:eval(("return hub:child_lookup(%q, { with_metadata = true })"):format(id))
          assert.are.same({ "tracked" }, child.spec.start)
          assert.are.equal("transient", child.spec.restart)
          assert.are.same({ tag = "tracked", note = "note of " .. id }, child.metadata)
        end
      end
      assert.are.equal(#IDS, nodes[2]:eval('return #hub:tag_query("tracked")'))
    end)
  end)

  it("two of six at once lose and double nothing (T-403, L-10)", function()
    for _ = 1, 3 do
      cluster.with(nil, function(world)
        local nodes = hub_of(world, 6, IDS)
        cluster.kill({ nodes[2], nodes[5] })
        world:settled({ nodes[1], nodes[3], nodes[4], nodes[6] }, IDS)
      end)
    end
  end)

  it("come back under the same name and get their children back", function()
    cluster.with({ node = 'data_dir = "data-" .. os.getenv("NODE")' }, function(world)
      local nodes = {}
      for i = 1, 3 do
        nodes[i] = world:start("n" .. i, { join = nodes[1] and { nodes[1] }, environment = "NODE=" .. i })
      end
      nodes[1]:start_children(IDS)
      local before = world:settled(nodes, IDS)
      nodes[3]:kill()
      world:settled({ nodes[1], nodes[2] }, IDS)
      nodes[3] = world:start("n3", { join = { nodes[1] }, environment = "NODE=3" })
      world:settled_as(before, nodes, IDS)
      assert.are.equal(2, nodes[1]:member("n3").epoch)
    end)
  end)

  it("come back as another node of that name when their disk is lost, and get their children back (case 72)", function()
    cluster.with({ node = 'data_dir = "data-" .. os.getenv("NODE")' }, function(world)
      local n1 = world:start("n1", { environment = "NODE=1" })
      local n2 = world:start("n2", { join = { n1 }, environment = "NODE=2" })
      n1:start_children(IDS)
      local before, id = world:settled({ n1, n2 }, IDS), n1:member("n2").id
      n2:kill()
      world:settled({ n1 }, IDS)
      os.execute("rm -r " .. world.directory .. "/data-2")
      n2 = world:start("n2", { join = { n1 }, environment = "NODE=2" })
      world:settled_as(before, { n1, n2 }, IDS)
      assert.are_not.equal(id, n1:member("n2").id)
    end)
  end)

  it("take children that are temporary with them", function()
    cluster.with(nil, function(world)
      local nodes = hub_of(world, 3, {})
      nodes[1]:start_children(IDS, [[restart = "temporary"]])
      local rest, lost = {}, 0
      for id, place in pairs(world:settled(nodes, IDS)) do
        if place == "n3" then
          lost = lost + 1
        else
          rest[#rest + 1] = id
        end
      end
      assert.is_true(lost > 0)
      nodes[3]:kill()
      world:settled({ nodes[1], nodes[2] }, rest)
      for _, count in pairs(world:starts()) do
        assert.are.equal(1, count)
      end
    end)
  end)

  it("leave calls by id waiting until the child runs again", function()
    cluster.with(nil, function(world)
      -- Each start takes until the spec says so: meanwhile the child has no instance anywhere.
      world:write("slow.lua", [[
        local luahub = require("luahub")
        return { init = function()
          while not io.open("go") do luahub.sleep(20) end
          return {}
        end, call = function() return luahub.context().node end }]])
      world:write("go", "")
      local nodes = hub_of(world, 3, {})
      local where = nodes[1]:eval([[
        local specs, on = {}, { none = "" }
        for i = 1, 12 do specs[i] = { id = "s" .. i, start = { "slow" } } end
        assert(hub:start_children(specs, { awaitable = true }):await():status() == "ok")
        for i = 1, 12 do on["s" .. i] = hub:call("s" .. i, "where") end
        return on]])
      local id
      for name, place in pairs(where) do
        if place == "n3" then id = name end
      end
      assert(os.remove(world.directory .. "/go"))
      nodes[3]:kill()
      cluster.eventually("it runs nowhere", function()
        return nodes[1]:eval(("return hub:get_pid(%q) == nil"):format(id))
      end)
      local answer = nodes[1]:background(([[
        io.open("called", "w"):close()
        return assert(hub:call(%q, "where", 50000))]]):format(id))
      cluster.eventually("it is called", function()
        return io.open(world.directory .. "/called")
      end)
      world:write("go", "")
      assert.matches("^n[12]$", answer())
    end)
  end)

  it("one after the other, down to the last, leave all children on that one", function()
    cluster.with(nil, function(world)
      local nodes = hub_of(world, 4, IDS)
      for i = 4, 2, -1 do
        nodes[i]:kill()
        world:settled({ table.unpack(nodes, 1, i - 1) }, IDS)
      end
    end)
  end)
end)

describe("A node that stands still", function()
  local IDS = cluster.ids("c", 40)

  it("loses its children to the others, and takes part again when it goes on, with nothing running twice", function()
    for _ = 1, 2 do
      cluster.with(nil, function(world)
        local nodes = hub_of(world, 3, IDS)
        local before = nodes[1]:registry().nodes
        local epoch = nodes[1]:member("n3").epoch
        assert.is_true(on(before, "n3") > 0)
        nodes[3]:pause()
        world:settled({ nodes[1], nodes[2] }, IDS)
        nodes[3]:continue()
        world:settled_as(before, nodes, IDS)
        assert.is_true(nodes[1]:member("n3").epoch > epoch)
      end)
    end
  end)

  it("and hands children over when it moves them gets them back with the state that they have by then", function()
    for _ = 1, 2 do
      cluster.with({ hot = true }, function(world)
        local nodes = hub_of(world, 3, IDS)
        local before = nodes[1]:registry().nodes
        nodes[3]:pause()
        world:settled({ nodes[1], nodes[2] }, IDS)
        for i, id in ipairs(IDS) do
          nodes[2]:eval(('return assert(hub:call(%q, { "add", %d }))'):format(id, i))
        end
        nodes[3]:continue()
        world:settled_as(before, nodes, IDS)
        local counts = nodes[3]:ask(IDS, '"get"')
        for i, id in ipairs(IDS) do
          assert.are.equal(i, counts[id])
        end
      end)
    end
  end)

  it("does not bring back what was stopped while it stood still", function()
    cluster.with(nil, function(world)
      local nodes = hub_of(world, 3, IDS)
      local before = nodes[1]:registry().nodes
      local stopped, rest = {}, {}
      for _, id in ipairs(IDS) do
        local list = before[id] == "n3" and #stopped < 3 and stopped or rest
        list[#list + 1] = id
      end
      nodes[3]:pause()
      world:settled({ nodes[1], nodes[2] }, IDS)
      assert.are.equal("ok", nodes[1]:eval(([[
        return hub:stop_children({ "%s" }, { awaitable = true }):await(10000):status()]])
        :format(table.concat(stopped, '", "'))))
      nodes[3]:continue()
      world:settled(nodes, rest)
      for _, id in ipairs(stopped) do
        assert.is_true(nodes[3]:eval(('return hub:child_lookup("%s") == nil'):format(id)))
      end
    end)
  end)

  it("ends what was stopped meanwhile, also before anybody knew that it stood still", function()
    cluster.with(nil, function(world)
      local nodes = hub_of(world, 3, IDS)
      local before = nodes[1]:registry().nodes
      local stopped, rest = {}, {}
      for _, id in ipairs(IDS) do
        local list = before[id] == "n3" and stopped or rest
        list[#list + 1] = id
      end
      nodes[3]:pause()
      local answer = nodes[1]:stop_children(stopped, 60000)
      assert.same({ status = "ok", count = #stopped, ordered = #stopped }, answer)
      for _, node in ipairs { nodes[1], nodes[2] } do assert.are.equal(#rest, node:registry().count) end
      world:settled({ nodes[1], nodes[2] }, rest)
      nodes[3]:continue()
      world:settled(nodes, rest)
    end)
  end)

  it("only for a moment keeps its children", function()
    cluster.with(nil, function(world)
      local nodes = hub_of(world, 3, IDS)
      local before = nodes[1]:registry().nodes
      nodes[3]:signal("STOP")
      os.execute("sleep 0.3")
      nodes[3]:continue()
      assert.are.same(before, world:settled(nodes, IDS))
      for _, count in pairs(world:starts()) do
        assert.are.equal(1, count)
      end
    end)
  end)
end)
