-- Runs what doc/strategies.md shows: its files, its blocks on a node, and its strategy in the simulator.
local cluster = require("spec.cluster.helper")
local guide = require("spec.cluster.guide")
local sim = require("luahub.sim")
local tool = require("spec.cluster.tool")

local GUIDE = tool.read("doc/strategies.md")

describe("doc/strategies.md", function()
  it("has blocks of Lua that do what they say", function()
    cluster.with({}, function(world)
      local chunks = guide.write(world, GUIDE)
      assert.are.equal(2, #chunks)
      guide.run(world, chunks)
    end)
  end)

  it("has a strategy that holds under faults, whatever the order of keys", function()
    cluster.with({}, function(world)
      guide.write(world, GUIDE)
      local report = sim.search(world.directory .. "/together_sim.lua", 12)
      assert.is_true(report.ok, report.message)
    end)
  end)

  it("has strategies of the other kinds that hold where nodes come and the network splits", function()
    cluster.with({}, function(world)
      guide.write(world, GUIDE)
      for _, name in ipairs({ "kinds_sim", "by_hub_sim", "gently_sim" }) do
        local report = sim.search(("%s/%s.lua"):format(world.directory, name), 12)
        assert.is_true(report.ok, report.message)
      end
    end)
  end)

  it("has a scenario that finds a migration which moves what is to stay", function()
    cluster.with({}, function(world)
      local restless = GUIDE:gsub("session = false, ", "")
      assert.are_not.equal(GUIDE, restless)
      guide.write(world, restless)
      assert.is_false(sim.search(world.directory .. "/kinds_sim.lua", 2).ok)
    end)
  end)

  it("has a scenario that finds a migration which asks nobody, and one that lets all go at once", function()
    local finds = {
      ["consent = {[^}]*}, "] = "nobody who pays goes", [", children_per_second = 10"] = "ten a second go",
    }
    for said, found in pairs(finds) do
      cluster.with({}, function(world)
        local hasty = GUIDE:gsub(said, "")
        assert.are_not.equal(GUIDE, hasty)
        guide.write(world, hasty)
        local report = sim.search(world.directory .. "/gently_sim.lua", 2)
        assert.is_false(report.ok)
        assert.matches(found, report.invariant)
      end)
    end
  end)

  it("has a scenario that finds a strategy which scatters tenants", function()
    cluster.with({}, function(world)
      local scattering = GUIDE:gsub("local tenant = tenant_of%(id%) or id", "local tenant = id")
      assert.are_not.equal(GUIDE, scattering)
      guide.write(world, scattering)
      assert.is_false(sim.search(world.directory .. "/together_sim.lua", 2).ok)
    end)
  end)
end)
