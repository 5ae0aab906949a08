local cluster = require("spec.cluster.helper")
local helper = require("spec_helper")

-- Nodes come, leave, die and stand still at random, two things at a time; whenever it is quiet again every child runs
-- exactly once.
describe("A hub in bad weather", function()
  local IDS = cluster.ids("c", 100)

  local function pick(nodes, random)
    return table.remove(nodes, random(#nodes))
  end

  local function storm(world, random)
    local count, nodes = 3, {}
    for i = 1, count do
      nodes[i] = world:start("n" .. i, { join = nodes[1] and { nodes[1] } })
    end
    nodes[1]:start_children(IDS)
    world:settled(nodes, IDS)
    local paused, fresh = {}, {}
    local acts = {
      function() pick(nodes, random):kill() end,
      function() pick(nodes, random):signal("TERM") end,
      function()
        local node = pick(nodes, random)
        node:pause()
        paused[#paused + 1] = node
      end,
      function()
        count = count + 1
        -- All of them as seeds: any one may be gone next.
        fresh[#fresh + 1] = world:launch("n" .. count, { join = { table.unpack(nodes) } })
      end,
    }
    for _ = 1, 4 do
      for _ = 1, 2 do
        acts[#nodes > 2 and random(#acts) or #acts]()
      end
      for _, node in ipairs(table.move(fresh, 1, #fresh, 1, {})) do
        nodes[#nodes + 1] = node:ready()
      end
      world:settled(nodes, IDS)
      for _, node in ipairs(paused) do
        node:continue()
        nodes[#nodes + 1] = node
      end
      paused, fresh = {}, {}
      world:settled(nodes, IDS)
    end
  end

  it("loses and doubles nothing", function()
    helper.each_seed(3, function(_, random)
      cluster.with(nil, function(world)
        storm(world, random)
      end)
    end)
  end)
end)
