-- Children that move autonomously, on real nodes: what they wrote themselves decides. The numbers are those of the
-- scenarios that ProcessHub's later versions describe.
local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 100)
local HUB = "migration = luahub.migration.autonomous()"

-- Each child is where the distribution has it, for the nodes that there are.
local function assert_home(node, places)
  local homes = node:eval(([==[
    local ids, homes, nodes = {}, {}, hub:nodes{ include_local = true }
    for i = 1, %d do ids[i] = "c" .. i end
    local owners = luahub.distribution.rendezvous{}.place(ids, { nodes = nodes }, { factor = 1 })
    for i, id in ipairs(ids) do homes[id] = nodes[owners[i]] end
    return homes]==]):format(#IDS))
  for _, id in ipairs(IDS) do assert.are.equal(homes[id], places[id], id) end
end

-- How often each was started, as it wrote itself.
local function starts_of(world)
  local out = {}
  for id, count in pairs(world:starts()) do out[id] = count end
  return out
end

local function assert_started(world, before, places, after)
  for _, id in ipairs(IDS) do
    local moved = places[id] ~= after[id] and 1 or 0
    assert.are.equal(before[id] + moved, world:starts()[id], id)
  end
end

describe("Children of a hub that moves autonomously", function()
  it("end where they are and begin on a node that joins, which owns them then (G10)", function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = world:hub_of(3, IDS)
      local before, started = world:settled(nodes, IDS), starts_of(world)
      nodes[4] = world:start("n4", { join = { nodes[2] } })
      local after = world:settled(nodes, IDS)
      assert_home(nodes[4], after)
      assert_started(world, started, before, after)
    end)
  end)

  it("begin on the survivors that own them when a node dies, each once (G11)", function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = world:hub_of(4, IDS)
      local before, started = world:settled(nodes, IDS), starts_of(world)
      nodes[2]:kill()
      local left = { nodes[1], nodes[3], nodes[4] }
      local after = world:settled(left, IDS)
      assert_home(nodes[3], after)
      assert_started(world, started, before, after)
    end)
  end)

  it("go on elsewhere when a node leaves, is drained, or dies while they move to one that joins", function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = world:hub_of(4, IDS)
      assert.are.equal(0, nodes[2]:leave())
      world:settled({ nodes[1], nodes[3], nodes[4] }, IDS)
      assert.are.same({}, world:left_behind(nodes[2]))
      local result = nodes[3]:eval("return hub:drain()")
      assert.are.same({ 0, 0 }, { result.forced, #result.failed })
      local places = world:settled({ nodes[1], nodes[3], nodes[4] }, IDS)
      for _, id in ipairs(IDS) do assert.are_not.equal("n3", places[id]) end
      local n5 = world:launch("n5", { join = { nodes[1] } })
      nodes[4]:kill()
      n5:ready()
      world:settled({ nodes[1], nodes[3], n5 }, IDS)
    end)
  end)
end)
