local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 60)

local function launch_all(world, names, seed)
  local nodes = {}
  for i, name in ipairs(names) do
    nodes[i] = world:launch(name, { join = { seed } })
  end
  for _, node in ipairs(nodes) do
    node:ready()
  end
  return nodes
end

-- Each child adds its own number, asked by the nodes in turn.
local function count(nodes)
  for k, node in ipairs(nodes) do
    node:eval(([[
      for i = %d, %d, %d do assert(hub:call("c" .. i, { "add", i })) end
      return true]]):format(k, #IDS, #nodes))
  end
end

local function assert_counts(node, times)
  local counts = node:ask(IDS, '"get"')
  for i, id in ipairs(IDS) do
    assert(counts[id] == i * times, ("%s has counted %s instead of %d"):format(id, tostring(counts[id]), i * times))
  end
end

describe("Calls from every node", function()
  it("reach the children wherever they are", function()
    cluster.with(nil, function(world)
      local nodes = world:hub_of(3, IDS)
      count(nodes)
      count({ nodes[2], nodes[3], nodes[1] })
      for _, node in ipairs(nodes) do
        assert_counts(node, 2)
      end
    end)
  end)
end)

for _, hot in ipairs({ true, false }) do
  local kind = hot and "handed over" or "swapped cold"
  describe("Children " .. kind, function()
    it("go on elsewhere when their node stops gracefully (G8)", function()
      for _ = 1, 2 do
        cluster.with({ hot = hot }, function(world)
          local nodes = world:hub_of(3, IDS)
          count(nodes)
          assert.are.equal(0, nodes[2]:leave())
          world:settled({ nodes[1], nodes[3] }, IDS)
          assert.are.same({}, world:left_behind(nodes[2]))
          if hot then assert_counts(nodes[3], 1) end
        end)
      end
    end)

    it("move to a node that joins", function()
      for _ = 1, 2 do
        cluster.with({ hot = hot }, function(world)
          local nodes = world:hub_of(2, IDS)
          count(nodes)
          local before = nodes[1]:registry().nodes
          nodes[3] = world:start("n3", { join = { nodes[2] } })
          local after = world:settled(nodes, IDS)
          local moved = 0
          for _, id in ipairs(IDS) do
            if after[id] ~= before[id] then
              assert.are.equal("n3", after[id])
              moved = moved + 1
            end
          end
          assert.is_true(moved > 0)
          if hot then assert_counts(nodes[3], 1) end
        end)
      end
    end)

    it("spread over four nodes that join two at once", function()
      for _ = 1, 3 do
        cluster.with({ hot = hot }, function(world)
          local nodes = world:hub_of(2, IDS)
          count(nodes)
          local joined = launch_all(world, { "n3", "n4", "n5", "n6" }, nodes[1])
          table.move(joined, 1, #joined, #nodes + 1, nodes)
          local places = world:settled(nodes, IDS)
          local used = {}
          for _, name in pairs(places) do
            used[name] = true
          end
          for _, node in ipairs(nodes) do
            assert(used[node.name], node.name .. " got no children")
          end
          if hot then assert_counts(nodes[6], 1) end
        end)
      end
    end)

    it("are not lost when a node dies while they move to one that joins", function()
      for _ = 1, 3 do
        cluster.with({ hot = hot }, function(world)
          local nodes = world:hub_of(3, IDS)
          local n4 = world:launch("n4", { join = { nodes[1] } })
          nodes[2]:kill()
          n4:ready()
          world:settled({ nodes[1], nodes[3], n4 }, IDS)
        end)
      end
    end)
  end)
end

describe("Several nodes that stop gracefully at once", function()
  it("hand all children to those that stay, with their state", function()
    cluster.with({ hot = true }, function(world)
      local nodes = world:hub_of(4, IDS)
      count(nodes)
      for i = 2, 4 do
        nodes[i]:signal("TERM")
      end
      for i = 2, 4 do
        assert.are.equal(0, nodes[i]:wait())
        assert.are.same({}, world:left_behind(nodes[i]))
      end
      world:settled({ nodes[1] }, IDS)
      assert_counts(nodes[1], 1)
    end)
  end)
end)

describe("A call to a child that moves", function()
  it("is answered, whoever asks and wherever it goes", function()
    cluster.with({ hot = true }, function(world)
      local nodes = world:hub_of(2, IDS)
      local answer = nodes[1]:background(([[
        local calls, failed = 0, "none"
        while not io.open(%q) do
          for i = 1, %d do
            local value, err = hub:call("c" .. i, "increment")
            if not value then failed = tostring(err) end
            calls = calls + 1
          end
        end
        return { calls = calls, failed = failed }]]):format(world.directory .. "/enough", #IDS))
      nodes[3] = world:start("n3", { join = { nodes[1] } })
      world:settled(nodes, IDS)
      assert.are.equal(0, nodes[3]:leave())
      world:settled({ nodes[1], nodes[2] }, IDS)
      world:write("enough", "")
      local report = answer()
      assert.are.equal("none", report.failed)
      assert.are.equal(report.calls, nodes[2]:sum(IDS))
    end)
  end)
end)

describe("The same file on every node", function()
  it("L-12: starts its children once, whichever node comes first", function()
    for _ = 1, 3 do
      cluster.with({ hub = [[children = (function()
          local list = {}
          for i = 1, 60 do list[i] = { id = "c" .. i, start = { "tracked" } } end
          return list
        end)() ]] }, function(world)
        local ports = {}
        for i = 1, 3 do
          ports[i] = "127.0.0.1:" .. cluster.free_port()
        end
        local nodes = {}
        for i = 1, 3 do
          nodes[i] = world:launch("n" .. i, { listen = ports[i], join = { ports[i % 3 + 1], ports[(i + 1) % 3 + 1] } })
        end
        for _, node in ipairs(nodes) do
          node:ready()
        end
        world:settled(nodes, IDS)
      end)
    end
  end)
end)
