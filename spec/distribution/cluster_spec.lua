-- Distributions on real nodes: where the children themselves say that they are.
local cluster = require("spec.cluster.helper")
local distribution = require("luahub.distribution")

local IDS = cluster.ids("c", 60)
local NODE = [[weight = tonumber(os.getenv("WEIGHT")), labels = { zone = os.getenv("ZONE") }]]

-- Nodes n1, n2, ... with what the environment of each says.
local function started(world, environments)
  local nodes = {}
  for i, environment in ipairs(environments) do
    local options = { join = i > 1 and { nodes[1] } or nil, environment = environment }
    nodes[i] = world:launch("n" .. i, options)
    if i == 1 then nodes[1]:ready() end
  end
  for _, node in ipairs(nodes) do
    node:ready()
  end
  cluster.eventually("all see all", function()
    for _, node in ipairs(nodes) do
      if node:eval("return #hub:nodes { include_local = true }") ~= #nodes then return false end
    end
    return true
  end)
  return nodes
end

local function assert_placed(strategy, view, places)
  for i, place in ipairs(strategy.place(IDS, view)) do
    assert.are.equal(view.nodes[place], places[IDS[i]], IDS[i])
  end
end

local function count_by_node(places)
  local counts = {}
  for _, node in pairs(places) do
    counts[node] = (counts[node] or 0) + 1
  end
  return counts
end

describe("rendezvous on real nodes", function()
  it("goes by the weights that they say themselves, also for the children of a dead one", function()
    cluster.with({ node = NODE }, function(world)
      local nodes = started(world, { "WEIGHT=1", "WEIGHT=3", "WEIGHT=0.5" })
      local weights = { n1 = 1, n2 = 3, n3 = 0.5 }
      nodes[3]:start_children(IDS)
      local places = world:settled(nodes, IDS)
      assert_placed(distribution.rendezvous(), { nodes = { "n1", "n2", "n3" }, weights = weights }, places)
      assert.is_true(count_by_node(places).n2 > 30)
      nodes[2]:kill()
      places = world:settled({ nodes[1], nodes[3] }, IDS)
      assert_placed(distribution.rendezvous(), { nodes = { "n1", "n3" }, weights = weights }, places)
    end)
  end)

  it("with `bounded` fills no node beyond its bound, by starts one by one, at a join and after a death", function()
    local hub = "distribution = luahub.distribution.rendezvous { bounded = 1.1 }"
    cluster.with({ hub = hub }, function(world)
      local nodes = started(world, { "X=1", "X=1", "X=1" })
      local function is_bounded(places, count)
        for node, has in pairs(count_by_node(places)) do
          local most = math.ceil(#IDS * 1.1 / count)
          if has > most then return false, ("%s has %d of at most %d"):format(node, has, most) end
        end
        return true
      end
      for i, id in ipairs(IDS) do
        nodes[i % 3 + 1]:start_children({ id })
      end
      assert(is_bounded(world:settled(nodes, IDS), 3))
      nodes[4] = world:start("n4", { join = { nodes[1] } })
      cluster.eventually("n4 has its share", function()
        local places = world:settled(nodes, IDS)
        if not count_by_node(places).n4 then return false, "n4 has none" end
        return is_bounded(places, 4)
      end)
      nodes[2]:kill()
      cluster.eventually("the others have its children", function()
        return is_bounded(world:settled({ nodes[1], nodes[3], nodes[4] }, IDS), 3)
      end)
    end)
  end)
end)

describe("a load balancer on real nodes", function()
  local HUB = "distribution = luahub.distribution.load_balancer {}"

  it("spreads single starts (T-001, L-14)", function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = started(world, { "X=1", "X=1", "X=1" })
      for i = 1, 15 do
        nodes[1]:start_children({ IDS[i] })
      end
      local counts = count_by_node(world:settled(nodes, { table.unpack(IDS, 1, 15) }))
      for i = 1, 3 do
        assert.is_true((counts["n" .. i] or 0) >= 3, ("n%d has %d"):format(i, counts["n" .. i] or 0))
      end
    end)
  end)

  it("loses no child with a node, and moves none to one that joins (L-14)", function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = started(world, { "X=1", "X=1", "X=1" })
      nodes[2]:start_children(IDS)
      local before = world:settled(nodes, IDS)
      for node, has in pairs(count_by_node(before)) do
        assert.is_true(has >= 18 and has <= 22, ("%s has %d"):format(node, has))
      end
      nodes[4] = world:start("n4", { join = { nodes[1] } })
      assert.are.same(before, world:settled(nodes, IDS))
      nodes[1]:kill()
      local after = world:settled({ nodes[2], nodes[3], nodes[4] }, IDS)
      for id, node in pairs(before) do
        if node ~= "n1" then assert.are.equal(node, after[id]) end
      end
    end)
  end)
end)

describe("a load balancer beside busy processes", function()
  local FILE = [[
    local luahub = require "luahub"
    return {
      node = { secret_file = "secret", schedulers = tonumber(os.getenv("SCHEDULERS")) },
      hubs = { { id = "main", distribution = luahub.distribution.load_balancer {} }, { id = "other" } },
    }]]

  it("spares their node, whoever starts, and takes it again when they have ended #notsan", function()
    cluster.with({ file = FILE }, function(world)
      local nodes = started(world, { "SCHEDULERS=2", "SCHEDULERS=1", "SCHEDULERS=2" })
      world:write("spins.lua", "return function() while true do end end")
      assert.are.equal("ok", nodes[1]:eval([[
        local specs = {}
        for i = 1, 5 do
          specs[i] = { id = "s" .. i, start = { "spins" }, isolated = true, placement = { node = "n2" } }
        end
        return luahub.await(luahub.hub("other"):start_children(specs, { awaitable = true })):status()]]))
      local function known(fits)
        cluster.eventually("all hear how busy n2 is", function()
          for _, node in ipairs(nodes) do
            local pressure = node:member("n2").pressure
            if not fits(pressure) then return false, ("%s says %s"):format(node.name, pressure) end
          end
          return true
        end)
      end
      known(function(pressure) return pressure >= 3 end)
      for i = 1, 30 do
        nodes[i % 3 + 1]:start_children({ IDS[i] })
      end
      local spared = count_by_node(world:settled(nodes, { table.unpack(IDS, 1, 30) })).n2 or 0
      assert.is_true(spared <= 7, "n2 has " .. spared)
      nodes[1]:eval([[
        return luahub.await(luahub.hub("other"):stop_children({ "s1", "s2", "s3", "s4", "s5" }, { awaitable = true }))
          :status()]])
      known(function(pressure) return pressure == 0 end)
      for i = 31, 60 do
        nodes[i % 3 + 1]:start_children({ IDS[i] })
      end
      local later = count_by_node(world:settled(nodes, IDS)).n2 or 0
      assert.is_true(later >= 12, "n2 has " .. later)
    end)
  end)
end)

describe("a placement on real nodes", function()
  local HUB = "distribution = luahub.distribution.rendezvous { placement = { spread = 'zone' } }"

  local function zones_of(places)
    local zone = { n1 = "a", n2 = "a", n3 = "b", n4 = "b" }
    local counts = {}
    for _, id in ipairs(IDS) do
      local at = zone[places[id]]
      counts[at] = (counts[at] or 0) + 1
    end
    return counts
  end

  it("spreads children over zones, and goes on in one when the other dies", function()
    cluster.with({ hub = HUB, node = NODE }, function(world)
      local nodes = started(world, { "ZONE=a", "ZONE=a", "ZONE=b" })
      nodes[1]:start_children(IDS)
      local counts = zones_of(world:settled(nodes, IDS))
      assert.is_true(math.abs(counts.a - counts.b) < 30)
      nodes[3]:kill()
      assert.are.same({ a = #IDS }, zones_of(world:settled({ nodes[1], nodes[2] }, IDS)))
      nodes[3] = world:start("n3", { join = { nodes[1] }, environment = "ZONE=b" })
      cluster.eventually("zone b has its own again", function()
        return zones_of(world:settled(nodes, IDS)).b == counts.b
      end)
    end)
  end)

  it("that requires a label fails where no node has it, and waits for one that does", function()
    cluster.with({ node = NODE }, function(world)
      local nodes = started(world, { "ZONE=a", "ZONE=a", "ZONE=b" })
      local fields = [[placement = { require = { zone = "b" } }]]
      nodes[1]:start_children(IDS, fields)
      assert.are.same({ n3 = #IDS }, count_by_node(world:settled(nodes, IDS)))
      local failed = nodes[2]:eval([[
        local spec = { id = "z", start = { "tracked" }, placement = { require = { zone = "c" } } }
        local e = hub:start_child(spec, { awaitable = true }):await():errors()[1]
        return e.code .. ": " .. e.message]])
      assert.are.equal("no_nodes: no node that takes children of this hub is what its placement asks for", failed)
      nodes[3]:kill()
      cluster.eventually("they are gone", function()
        return nodes[1]:registry().count == 0
      end)
      nodes[3] = world:start("n4", { join = { nodes[1] }, environment = "ZONE=b" })
      assert.are.same({ n4 = #IDS }, count_by_node(world:settled(nodes, IDS)))
    end)
  end)
end)
