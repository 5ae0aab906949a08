-- What ends nodes, at inconvenient moments. Reliability's cases 77 to 80; of 79 see also
-- spec/failpoint/leave_points.lua.
local cluster = require("spec.cluster.helper")
local Node = require("spec.cluster.node")
local tool = require("spec.cluster.tool")

local IDS = cluster.ids("c", 30)

local function leaving(node)
  cluster.eventually(node.name .. " leaves", function()
    return node:output():find("leaving", 1, true)
  end)
end

describe("A node that is told to end", function()
  -- How often the children ticked, each by the clock of its node, after the line that says that it was told again.
  local function ticks_after_told(world)
    local ticks, told = {}, false
    for line in io.lines(world.directory .. "/ticks") do
      told = told or line == "told again"
      if told then ticks[line] = (ticks[line] or 0) + 1 end
    end
    assert(told)
    ticks["told again"] = nil
    return ticks
  end

  it("ends at once when it is told twice, within 6 s, and what it ran goes on elsewhere (case 77)", function()
    cluster.with(nil, function(world)
      local nodes = world:hub_of(2, IDS)
      world:write("ticks", "")
      world:write("stubborn.lua", [[
        local luahub = require "luahub"
        local function tick(id)
          local file = assert(io.open("ticks", "a"))
          file:write(id, "\n")
          file:close()
        end
        return { init = function() return {} end, terminate = function()
          if luahub.context().node ~= "n2" then return end
          while true do
            tick(luahub.context().id)
            luahub.sleep(100)
          end
        end }]])
      nodes[2]:eval([[
        local specs = {}
        for i = 1, 20 do specs[i] = { id = "s" .. i, start = { "stubborn" }, shutdown = 60000 } end
        return hub:start_children(specs, { awaitable = true }):await():status()]])
      nodes[2]:signal("TERM")
      leaving(nodes[2])
      cluster.eventually("children there are told to end, and do not", function()
        return #(tool.read(world.directory .. "/ticks")) > 200
      end)
      local file = assert(io.open(world.directory .. "/ticks", "a"))
      file:write("told again\n")
      file:close()
      nodes[2]:signal("TERM")
      assert.are.equal(130, nodes[2]:wait())
      for id, count in pairs(ticks_after_told(world)) do
        assert(count * 100 < 6000, ("%s ticked %d times"):format(id, count))
      end
      cluster.eventually("n1 has them all", function()
        local registry = nodes[1]:registry()
        local count = 0
        for _, node in pairs(registry.nodes) do count = count + (node == "n1" and 1 or 0) end
        return count == #IDS + 20, count
      end)
    end)
  end)

  it("ends cleanly while it joins, met or not (case 78)", function()
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

  it("is as one that crashed when it is killed while it leaves (case 79)", function()
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

  it("hands nothing round when all are told at once: no child is begun again (case 80)", function()
    cluster.with({ hot = true }, function(world)
      local nodes = world:hub_of(3, IDS)
      local before = world:starts()
      -- Each is told while it stands still, so none can hand anything to one that has not been told.
      Node.all_at_once(nodes, "TERM")
      for _, node in ipairs(nodes) do
        assert.are.equal(0, node:wait())
        assert.are.same({}, world:left_behind(node))
      end
      assert.are.same(before, world:starts())
    end)
  end)
end)
