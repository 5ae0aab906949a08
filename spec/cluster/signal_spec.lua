-- What ends nodes, at inconvenient moments. Reliability's cases 77 to 80.
local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 30)

local function leaving(node)
  cluster.eventually(node.name .. " leaves", function()
    return node:output():find("leaving", 1, true)
  end)
end

describe("A node that is told to end", function()
  it("77: ends at once when it is told twice, and what it ran goes on elsewhere", function()
    cluster.with(nil, function(world)
      local nodes = world:hub_of(2, IDS)
      world:write("stubborn.lua", [[
        return { init = function() return {} end, terminate = function() while true do end end }]])
      nodes[2]:eval([[
        local specs = {}
        for i = 1, 20 do specs[i] = { id = "s" .. i, start = { "stubborn" }, shutdown = 60000 } end
        return hub:start_children(specs, { awaitable = true }):await():status()]])
      nodes[2]:signal("TERM")
      leaving(nodes[2])
      nodes[2]:signal("TERM")
      assert.are.equal(130, nodes[2]:wait())
      cluster.eventually("n1 has them all", function()
        local registry = nodes[1]:registry()
        local count = 0
        for _, node in pairs(registry.nodes) do count = count + (node == "n1" and 1 or 0) end
        return count == #IDS + 20, count
      end)
    end)
  end)

  it("78: ends cleanly while it joins, met or not", function()
    cluster.with(nil, function(world)
      local n1 = world:hub_of(1, IDS)[1]
      local joiner = world:launch("n2", { join = { n1 } })
      cluster.eventually("n1 sees it, or it is ready", function()
        return n1:output():find("n2 (epoch 1) is alive", 1, true)
      end)
      assert.are.equal(0, joiner:leave())
      local alone = world:start("n3", { join = { "127.0.0.1:" .. cluster.free_port() } })
      assert.are.equal(0, alone:leave())
      world:settled({ n1 }, IDS)
      assert.are.same({}, world:left_behind(joiner))
    end)
  end)

  it("79: is as one that crashed when it is killed while it leaves", function()
    cluster.with({ hot = true }, function(world)
      -- Its children take for ever to end there, so it is at it when it is killed.
      world:write("stubborn.lua", [[
        local luahub, tracked = require "luahub", require "tracked"
        local function terminate(...)
          while luahub.context().node == "n2" do end
          return tracked.terminate(...)
        end
        return setmetatable({ terminate = terminate }, { __index = tracked })]])
      local nodes = world:hub_of(3, {})
      nodes[1]:eval([[
        local specs = {}
        for i = 1, 30 do specs[i] = { id = "c" .. i, start = { "stubborn" }, shutdown = 60000 } end
        return hub:start_children(specs, { awaitable = true }):await():status()]])
      world:settled(nodes, IDS)
      nodes[2]:signal("TERM")
      leaving(nodes[2])
      nodes[2]:kill()
      world:settled({ nodes[1], nodes[3] }, IDS)
    end)
  end)

  it("80: hands nothing round when all are told at once", function()
    cluster.with({ hot = true }, function(world)
      local nodes = world:hub_of(3, IDS)
      local before = world:starts()
      assert(os.execute(("kill -TERM %d %d %d"):format(nodes[1].pid, nodes[2].pid, nodes[3].pid)))
      for _, node in ipairs(nodes) do
        assert.are.equal(0, node:wait())
        assert.are.same({}, world:left_behind(node))
      end
      for id, count in pairs(world:starts()) do
        -- One that leaves a moment before the others may hand a child on once to each of them.
        assert(count - before[id] <= 2, ("%s was begun %d times"):format(id, count - before[id]))
      end
    end)
  end)
end)
