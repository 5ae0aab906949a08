-- Hubs whose children run on several nodes at a time, on real nodes: the children themselves say where.
local cluster = require("spec.cluster.helper")
local distribution = require("luahub.distribution")
local guide = require("spec.cluster.guide")
local replicas = require("spec.cluster.replicas")
local tool = require("spec.cluster.tool")

local IDS = cluster.ids("c", 40)
local TWO = "redundancy = luahub.redundancy.replication { factor = 2 }"
local ALL = 'redundancy = luahub.redundancy.replication { factor = "cluster_size" }'

-- n1 to n`count`; what is started while they join is moved about.
local function nodes_of(world, count)
  local nodes = { world:start("n1") }
  for i = 2, count do
    nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
  end
  return nodes
end

describe("A hub with two instances of each child", function()
  it("starts them, lists both, and stops both at once", function()
    cluster.with({ hub = TWO }, function(world)
      local n1, n2, n3 = table.unpack(nodes_of(world, 3))
      replicas.settled(world, { n1, n2, n3 }, {}, 2)
      replicas.start(n2, IDS)
      -- What was awaited is listed: on both nodes.
      assert.are.equal(2, n2:eval('return #hub:child_lookup("c1").instances'))
      assert.are.equal(2, n2:eval('return #hub:get_pids("c1")'))
      local on = replicas.settled(world, { n1, n2, n3 }, IDS, 2)
      for i, place in ipairs(distribution.rendezvous().place(IDS, { nodes = { "n1", "n2", "n3" } })) do
        assert.is_truthy(on[IDS[i]]["n" .. place], "the node that hashing says has one")
      end
      assert.are.equal("ok", n3:stop_children(IDS).status)
      assert.are.same({}, n3:eval('return hub:get_pids("c1")'))
      replicas.settled(world, { n1, n2, n3 }, {}, 2)
    end)
  end)

  it("refuses an id that runs, and starts one that was stopped anew", function()
    cluster.with({ hub = TWO }, function(world)
      local nodes = nodes_of(world, 3)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], { "a" })
      assert.are.equal("already_started", nodes[3]:eval([[
        return select(2, hub:start_child({ id = "a", start = { "replica" } })).code]]))
      for i = 1, 3 do
        nodes[i]:stop_children({ "a" })
        replicas.settled(world, nodes, {}, 2)
        replicas.start(nodes[i], { "a" })
        replicas.settled(world, nodes, { "a" }, 2)
      end
      local failed = nodes[2]:eval([[
        local e = hub:start_child({ id = "x", start = { "no.module" } }, { awaitable = true }):await():errors()[1]
        return e.code]])
      assert.are.equal("child_failed", failed)
      replicas.settled(world, nodes, { "a" }, 2)
    end)
  end)

  it("T-014 has one of each on one node; starts what is missing, ends what is elsewhere, at joins (L17)", function()
    cluster.with({ hub = TWO }, function(world)
      local n1 = world:start("n1")
      replicas.start(n1, IDS)
      replicas.settled(world, { n1 }, IDS, 1)
      local n2 = world:start("n2", { join = { n1 } })
      replicas.settled(world, { n1, n2 }, IDS, 2)
      local nodes = { n1, n2 }
      for i = 3, 6 do
        nodes[i] = world:launch("n" .. i, { join = { n1 } })
      end
      local on = replicas.settled(world, nodes, IDS, 2)
      local first = 0
      for _, id in ipairs(IDS) do
        first = first + (on[id].n1 and 1 or 0)
      end
      assert.is_true(first > 0 and first < #IDS)
    end)
  end)

  it("starts what a killed node had, and what two had that are killed together", function()
    cluster.with({ hub = TWO }, function(world)
      local n1, n2, n3, n4 = table.unpack(nodes_of(world, 4))
      replicas.settled(world, { n1, n2, n3, n4 }, {}, 2)
      replicas.start(n1, IDS)
      replicas.settled(world, { n1, n2, n3, n4 }, IDS, 2)
      n4:kill()
      replicas.settled(world, { n1, n2, n3 }, IDS, 2)
      cluster.kill({ n2, n3 })
      replicas.settled(world, { n1 }, IDS, 1)
    end)
  end)

  it("is drained and left without a child that has no instance meanwhile", function()
    cluster.with({ hub = TWO }, function(world)
      local n1, n2, n3 = table.unpack(nodes_of(world, 3))
      replicas.settled(world, { n1, n2, n3 }, {}, 2)
      replicas.start(n1, IDS)
      replicas.settled(world, { n1, n2, n3 }, IDS, 2)
      local had = n2:eval("return #hub:process_list('local')")
      assert.are.same({ moved = had, forced = 0, failed = {} }, n2:eval("return hub:drain()"))
      for _, on in pairs(replicas.track(world)) do
        assert.is_truthy(on.n1 and on.n3 and not on.n2)
      end
      assert.is_true(n2:eval("return hub:undrain()"))
      replicas.settled(world, { n1, n2, n3 }, IDS, 2)
      assert.are.equal(0, n3:leave())
      replicas.settled(world, { n1, n2 }, IDS, 2)
    end)
  end)

  it("restarts an instance that crashes where it is, and ends all of a child that is done", function()
    cluster.with({ hub = TWO }, function(world)
      local nodes = nodes_of(world, 3)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], { "a" })
      replicas.start(nodes[1], { "b" }, 'restart = "transient"')
      local before = replicas.settled(world, nodes, { "a", "b" }, 2)
      nodes[1]:eval('hub:call("a", "crash") hub:call("b", "end") return true')
      assert.are.same(before.a, replicas.settled(world, nodes, { "a" }, 2).a)
    end)
  end)

  it("refuses moves by hand", function()
    cluster.with({ hub = TWO }, function(world)
      local nodes = nodes_of(world, 2)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], { "a" })
      assert.are.equal("replicated", nodes[1]:eval('return select(2, hub:migrate_child("a", "n2")).code'))
      assert.are.equal("replicated", nodes[1]:eval('return select(2, hub:release_child("a")).code'))
    end)
  end)

  it("answers a start with every instance", function()
    cluster.with({ hub = TWO }, function(world)
      local nodes = nodes_of(world, 3)
      replicas.settled(world, nodes, {}, 2)
      local answer = nodes[3]:eval([[
        local result = hub:start_children({ { id = "a", start = { "replica" } }, { id = "b", start = { "replica" } } },
          { awaitable = true }):await()
        local out = { cids = result:cids(), pids = #result:pids(), on = {} }
        for i, child in ipairs(result:started()) do
          out.on[i] = {}
          for j, instance in ipairs(child.instances) do
            assert(luahub.call(instance.pid, "where") == instance.node, "the pid is that node's")
            out.on[i][j] = instance.node
          end
          table.sort(out.on[i])
        end
        return out]])
      assert.are.same({ "a", "b" }, answer.cids)
      assert.are.equal(4, answer.pids)
      local on = replicas.settled(world, nodes, { "a", "b" }, 2)
      for i, id in ipairs({ "a", "b" }) do
        assert.are.equal(2, #answer.on[i])
        for _, name in ipairs(answer.on[i]) do
          assert.is_truthy(on[id][name], id .. " runs on " .. name .. ", as it says itself")
        end
      end
    end)
  end)

  it("changes the metadata of all instances, and of those that start later", function()
    cluster.with({ hub = TWO }, function(world)
      local nodes = nodes_of(world, 2)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], { "a" }, "metadata = { zone = 1, tag = 'x' }")
      local SAID = [[
        local out = {}
        for i, pid in ipairs(hub:get_pids("a")) do out[i] = luahub.call(pid, "metadata") end
        return out]]
      assert.is_true(nodes[2]:eval('return hub:set_metadata("a", { zone = 2 }, { remove = { "tag" } })'))
      for i = 1, 2 do
        assert.are.same({ { zone = 2 }, { zone = 2 } }, nodes[i]:eval(SAID))
        assert.are.same({ zone = 2 }, nodes[i]:eval('return hub:child_lookup("a", { with_metadata = true }).metadata'))
      end
      assert.are.equal(0, nodes[2]:leave())
      local n3 = world:start("n3", { join = { nodes[1] } })
      replicas.settled(world, { nodes[1], n3 }, { "a" }, 2)
      assert.are.same({ { zone = 2 }, { zone = 2 } }, n3:eval(SAID))
    end)
  end)
end)

describe("A hub with an instance on each node", function()
  it("has one on each that joins, and on each that is left", function()
    cluster.with({ hub = ALL }, function(world)
      local nodes = nodes_of(world, 2)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], IDS)
      replicas.settled(world, nodes, IDS, 2)
      nodes[3] = world:start("n3", { join = { nodes[1] } })
      nodes[4] = world:start("n4", { join = { nodes[1] } })
      replicas.settled(world, nodes, IDS, 4)
      nodes[4]:kill()
      nodes[4] = nil
      replicas.settled(world, nodes, IDS, 3)
      nodes[2]:stop_children(IDS)
      replicas.settled(world, nodes, {}, 3)
    end)
  end)
end)

-- The first of a child's nodes by the built-in hashing, among those of these names.
local function first_of(ids, names)
  local out = {}
  for i, place in ipairs(distribution.rendezvous().place(ids, { nodes = names })) do
    out[ids[i]] = names[place]
  end
  return out
end

local function count_modes(on, ids)
  local counts = { active = 0, passive = 0, untold = 0 }
  for _, id in ipairs(ids) do
    for _, mode in pairs(on[id]) do
      counts[mode] = counts[mode] + 1
    end
  end
  return counts
end

describe("A hub of six nodes #notsan", function()
  local MANY = cluster.ids("m", 1000)
  local function six(options, body)
    cluster.with({ hub = ("redundancy = luahub.redundancy.replication { %s }"):format(options) }, function(world)
      local nodes = { world:start("n1") }
      for i = 2, 6 do
        nodes[i] = world:launch("n" .. i, { join = { nodes[1] } })
      end
      for _, node in ipairs(nodes) do
        node:ready()
      end
      body(world, nodes)
    end)
  end

  it("T-008 has each of 1,000 children on all of them, and each instance is told that it is active", function()
    six('factor = "cluster_size", signal = "all"', function(world, nodes)
      replicas.settled(world, nodes, {}, 6)
      replicas.start(nodes[1], MANY)
      local on = replicas.settled(world, nodes, MANY, 6)
      assert.are.same({ active = 6000, passive = 0, untold = 0 }, count_modes(on, MANY))
    end)
  end)

  it("T-017 has four instances of each of 1,000 children: one told that it is active, three passive", function()
    six('factor = 4, model = "active_passive", signal = "all"', function(world, nodes)
      replicas.settled(world, nodes, {}, 4)
      replicas.start(nodes[1], MANY)
      local on = replicas.settled(world, nodes, MANY, 4, "told")
      assert.are.same({ active = 1000, passive = 3000, untold = 0 }, count_modes(on, MANY))
      for id, node in pairs(first_of(MANY, { "n1", "n2", "n3", "n4", "n5", "n6" })) do
        assert.are.equal("active", on[id][node], id)
      end
    end)
  end)
end)

describe("A hub with one active instance of each child", function()
  local ONE = 'redundancy = luahub.redundancy.replication { factor = 2, model = "active_passive", signal = "all" }'

  it("has one after starts, joins, deaths, a drain and a leave, and never two at a time (L-4)", function()
    cluster.with({ hub = ONE }, function(world)
      local n1 = world:start("n1")
      replicas.start(n1, IDS)
      replicas.settled(world, { n1 }, IDS, 1, "told")
      local n2 = world:start("n2", { join = { n1 } })
      local n3 = world:start("n3", { join = { n1 } })
      local n4 = world:start("n4", { join = { n2 } })
      local on = replicas.settled(world, { n1, n2, n3, n4 }, IDS, 2, "told")
      for id, node in pairs(first_of(IDS, { "n1", "n2", "n3", "n4" })) do
        assert.are.equal("active", on[id][node], id)
      end
      n2:kill()
      replicas.settled(world, { n1, n3, n4 }, IDS, 2, "told")
      n1:eval("return hub:drain()")
      replicas.settled(world, { n1, n3, n4 }, IDS, 2, "told")
      n1:eval("return hub:undrain()")
      replicas.settled(world, { n1, n3, n4 }, IDS, 2, "told")
      n3:leave()
      replicas.settled(world, { n1, n4 }, IDS, 2, "told")
      n4:kill()
      replicas.settled(world, { n1 }, IDS, 1, "told")
      n1:stop_children(IDS)
      replicas.settled(world, { n1 }, {}, 1)
    end)
  end)

  it("names it first, answers calls from it, and tells it anew after a crash", function()
    cluster.with({ hub = ONE }, function(world)
      local nodes = nodes_of(world, 3)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], { "a" })
      local on = replicas.settled(world, nodes, { "a" }, 2, "told")
      for _ = 1, 4 do
        for _, node in ipairs(nodes) do
          assert.are.same({ "active", true, true }, node:eval([[
            local first = hub:child_lookup("a").instances[1]
            return { hub:call("a", "mode"), first.active, first.pid == hub:get_pid("a") }]]))
        end
        nodes[1]:eval('hub:call("a", "crash") return true')
        assert.are.same(on, replicas.settled(world, nodes, { "a" }, 2, "told"))
      end
    end)
  end)

  it("waits until the one that was active has heard, and ends one that does not listen", function()
    cluster.with({ hub = ONE }, function(world)
      local n1 = world:start("n1")
      replicas.start(n1, IDS)
      replicas.settled(world, { n1 }, IDS, 1, "told")
      local first = first_of(IDS, { "n1", "n2" })
      local id = IDS[1]
      for _, candidate in ipairs(IDS) do
        if first[candidate] == "n2" then id = candidate end
      end
      n1:eval(('hub:cast(%q, { "busy" }) return true'):format(id))
      local n2 = world:start("n2", { join = { n1 } })
      cluster.eventually("it was stopped", function()
        return n1:output():find(("child '%s' has not heard in 5000 ms that it is passive"):format(id), 1, true)
      end)
      replicas.settled(world, { n1, n2 }, IDS, 2, "told")
    end)
  end)

  it("has one where the first node cannot run it, and gives it back", function()
    cluster.with({ hub = ONE }, function(world)
      local nodes = nodes_of(world, 3)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], { "a" })
      local on = replicas.settled(world, nodes, { "a" }, 2, "told")
      local by_name, first, other = {}, nil, nil
      for _, node in ipairs(nodes) do by_name[node.name] = node end
      for name, mode in pairs(on.a) do
        if mode == "active" then first = name else other = name end
      end
      by_name[first]:eval('luahub.storage.insert(hub, "refused", true) hub:call("a", "crash") return true')
      for _, node in ipairs(nodes) do
        cluster.eventually("the other one is active", function()
          local seen = node:eval([[
            local first = hub:child_lookup("a").instances[1]
            return { first.active, first.node, hub:call("a", "mode"), hub:call("a", "where") }]])
          return seen[1] == true and seen[2] == other and seen[3] == "active" and seen[4] == other
        end)
      end
      assert.is_true(by_name[first]:eval('return luahub.storage.remove(hub, "refused")'))
      assert.are.same(on, replicas.settled(world, nodes, { "a" }, 2, "told"))
    end)
  end)

  it("has one on a cordoned node that is left alone", function()
    cluster.with({ hub = ONE }, function(world)
      local nodes = nodes_of(world, 2)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], IDS)
      replicas.settled(world, nodes, IDS, 2, "told")
      for _, node in ipairs(nodes) do assert.is_true(node:eval("return hub:cordon()")) end
      nodes[2]:kill()
      replicas.settled(world, { nodes[1] }, IDS, 1, "told")
    end)
  end)

  it("has one when nobody is told", function()
    local hub = 'redundancy = luahub.redundancy.replication { factor = 2, model = "active_passive" }'
    cluster.with({ hub = hub }, function(world)
      local nodes = nodes_of(world, 3)
      replicas.settled(world, nodes, {}, 2)
      replicas.start(nodes[1], IDS)
      local on = replicas.settled(world, nodes, IDS, 2, true)
      assert.are.same({ active = 0, passive = 0, untold = 80 }, count_modes(on, IDS))
      nodes[3]:kill()
      nodes[3] = nil
      replicas.settled(world, nodes, IDS, 2, true)
    end)
  end)
end)

describe("doc/replication.md", function()
  it("has blocks of Lua that do what they say", function()
    cluster.with({}, function(world)
      local chunks = guide.write(world, assert(tool.read("doc/replication.md")))
      assert.are.equal(2, #chunks)
      guide.run(world, chunks)
    end)
  end)
end)
