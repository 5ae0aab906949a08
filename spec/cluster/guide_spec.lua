-- Runs what the guides in doc/ show that need no more than a cluster. (doc/hooks.md, doc/strategies.md and
-- doc/replication.md have specs of their own.)
local cluster = require("spec.cluster.helper")
local guide = require("spec.cluster.guide")
local tool = require("spec.cluster.tool")

local PAGES = {
  { name = "children", blocks = 7 },
  { name = "registry", blocks = 6 },
  { name = "placement", blocks = 3 },
  { name = "leaving", blocks = 5, nodes = 2 },
  { name = "handover", blocks = 3, nodes = 2 },
  { name = "partitions", blocks = 3 },
}

for _, page in ipairs(PAGES) do
  describe(("doc/%s.md"):format(page.name), function()
    it("has blocks of Lua that do what they say", function()
      cluster.with({}, function(world)
        local chunks = guide.write(world, tool.read(("doc/%s.md"):format(page.name)))
        assert.are.equal(page.blocks, #chunks)
        guide.run(world, chunks, page.nodes)
      end)
    end)
  end)
end

describe("doc/leaving.md", function()
  it("has a file of nodes that each look alone", function()
    cluster.with({}, function(world)
      guide.write(world, tool.read("doc/leaving.md"))
      local nodes = { world:start("n1", { file = "alone.lua" }) }
      nodes[2] = world:start("n2", { file = "alone.lua", join = { nodes[1] } })
      local ids = cluster.ids("c", 20)
      nodes[1]:start_children(ids)
      world:settled(nodes, ids)
      assert.are.equal(0, nodes[1]:leave())
      world:settled({ nodes[2] }, ids)
    end)
  end)
end)

describe("doc/partitions.md", function()
  it("has a scenario that holds #notsan", function()
    cluster.with({}, function(world)
      guide.write(world, tool.read("doc/partitions.md"))
      local report = require("luahub.sim").search(world.directory .. "/split_sim.lua", 5)
      assert.is_true(report.ok, report.message)
    end)
  end)
end)
