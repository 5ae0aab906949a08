-- The services for scripts: state, cluster, registry and synchronizer; T-161, T-180, T-250, T-256 to T-263, T-270 to
-- T-273, T-404.

local cluster = require("spec.cluster.helper")

describe("The services for scripts", function()
  local world, nodes, n1

  setup(function()
    world = cluster.new()
    nodes = world:hub_of(3)
    n1 = nodes[1]
    n1:start_children(cluster.ids("c", 30), [[metadata = { tag = id == "c1" and "first" or "other" }]])
  end)
  teardown(function()
    world:close()
  end)

  it("T-256 to T-261: read the registry on every node", function()
    for _, node in ipairs(nodes) do
      assert.are.same({ "c1", "first", "none", true, 1, "none", 0, 30, 30 }, node:eval([[
        local registry = luahub.registry
        local found = registry.lookup(hub, "c1", { with_metadata = true })
        return { found.id, found.metadata.tag, registry.lookup(hub, "nobody") or "none",
          registry.get_pid(hub, "c1") == found.instances[1].pid, #registry.get_pids(hub, "c1"),
          registry.get_pid(hub, "nobody") or "none", #registry.get_pids(hub, "nobody"),
          #registry.process_list(hub), #registry.dump("main") }]]), node.name)
    end
  end)

  it("T-250: know which ids are there, each once", function()
    assert.are.same({ "c2", "c1" }, nodes[2]:eval([[
      return luahub.registry.contains_children(hub, { "c2", "nobody", "c1", "c2" })]]))
  end)

  it("T-257: find by tag", function()
    assert.are.same({ "c1", 0 }, nodes[3]:eval([[
      return { luahub.registry.match_tag(hub, "first")[1].id, #luahub.registry.match_tag(hub, "none") }]]))
  end)

  it("T-180, T-260, T-262, T-263: tell what each node itself runs, with specs and metadata", function()
    local seen, count = {}, 0
    for _, node in ipairs(nodes) do
      local own = node:eval([[
        local out = {}
        local specs = luahub.registry.local_child_specs(hub)
        for i, child in ipairs(luahub.synchronizer.local_sync_data(hub)) do
          assert(specs[i].id == child.id and child.spec.start[1] == "tracked" and child.metadata.tag)
          out[i] = { child.id, child.instances[1].node, #child.instances }
        end
        assert(#out == #luahub.registry.process_list(hub, "local"))
        return out]])
      for _, entry in ipairs(own) do
        assert.are.equal(node.name, entry[2])
        assert.are.equal(1, entry[3])
        assert.is_nil(seen[entry[1]])
        seen[entry[1]], count = true, count + 1
      end
    end
    assert.are.equal(30, count)
  end)

  it("have no function that writes a row", function()
    assert.are.equal(
      "contains_children dump get_pid get_pids local_child_specs local_data lookup match_tag process_list", n1:eval([[
      local names = {}
      for name in pairs(luahub.registry) do names[#names + 1] = name end
      table.sort(names)
      return table.concat(names, " ")]]))
  end)

  it("T-270, T-273: name the nodes of the hub, and say who is new", function()
    assert.are.same({ { "n2", "n3" }, { "n1", "n2", "n3" }, false, false, true }, n1:eval([[
      local c = luahub.cluster
      return { c.nodes(hub), c.nodes("main", { include_local = true }), c.new_node(hub, "n1"), c.new_node(hub, "n2"),
        c.new_node(hub, "n4") }]]))
  end)

  it("T-271, T-272: have one signature for one set of members, another after a death", function()
    local function signature(node)
      return node:eval("return luahub.cluster.topology_signature(hub)")
    end
    local before = signature(n1)
    assert.matches("^%x+$", before)
    assert.are.equal(16, #before)
    assert.are.equal(before, signature(nodes[2]))
    assert.are.equal(before, signature(nodes[3]))
    local n4 = world:start("n4", { join = { n1 } })
    cluster.eventually("all four have another", function()
      local now = signature(n1)
      return now ~= before and signature(nodes[2]) == now and signature(nodes[3]) == now and signature(n4) == now
    end)
    n4:kill()
    cluster.eventually("all are back at the first", function()
      return signature(n1) == before and signature(nodes[2]) == before and signature(nodes[3]) == before
    end)
  end)

  it("T-161, L9: say whether the hub runs here, is moving children, may act; and wait for calm", function()
    local n4 = world:start("n4", { join = { n1 } })
    for _, node in ipairs({ n1, nodes[2], nodes[3], n4 }) do
      assert.are.same({ true, false, true, false }, node:eval([[
        local state = luahub.state
        return { state.await_unlocked(hub, 30000), state.is_locked(hub), state.is_alive("main"),
          state.is_partitioned(hub) }]]), node.name)
    end
    assert.are.same({ false, "not_alive" }, n1:eval([[
      return { luahub.state.is_alive("elsewhere"), select(2, luahub.state.await_unlocked("elsewhere")).code }]]))
    assert.are.equal(0, n4:leave())
    n1:eval([[return luahub.state.await_unlocked(hub)]])
  end)

  it("T-404: compare ledgers by hand, which fires no hook and moves no row where nothing is missing", function()
    cluster.eventually("nothing is on its way", function()
      for _, node in ipairs(nodes) do
        if node:registry().locked then return false end
      end
      return true
    end)
    for _, node in ipairs(nodes) do
      node:eval([[
        for _, key in ipairs { "child_registered", "child_unregistered", "child_pid_updated", "post_children_start" } do
          assert(hub:register_hook_handlers(key, { { id = "note", handler = { "ears", "note", key } } }))
        end]])
    end
    local function moved(node)
      local c = node:eval("return luahub.counters()")
      return { c.registry.deltas_in, c.registry.snapshots_in, c.node.hooks_run }
    end
    local before = {}
    for i, node in ipairs(nodes) do
      before[i] = moved(node)
    end
    for _ = 1, 5 do
      for _, node in ipairs(nodes) do
        assert.are.equal(2, node:eval("return luahub.synchronizer.trigger_sync(hub)"))
      end
    end
    for _, node in ipairs(nodes) do -- whatever a comparison asked for would come before the answer of a call
      for _, other in ipairs({ "n1", "n2", "n3" }) do
        node:eval(([[return assert(luahub.spawn({ "procs", 1 }, { node = %q })) ~= nil]]):format(other))
      end
    end
    for i, node in ipairs(nodes) do
      assert.are.same(before[i], moved(node), node.name)
    end
    assert.is_nil(io.open(world.directory .. "/ears"))
  end)

  it("refuse what is no hub and no name, in one line", function()
    for call, text in pairs({
      ["luahub.state.is_locked(5)"] = "state.is_locked: hub (a hub or its id): expected a string",
      ["luahub.state.await_unlocked(hub, -1)"] = "state.await_unlocked: ms: expected a number of milliseconds",
      ["luahub.cluster.new_node(hub)"] = "cluster.new_node: name: expected a string that is not empty, got nil",
      ["luahub.cluster.topology_signature()"] = "cluster.topology_signature: hub (a hub or its id): expected",
      ["luahub.registry.lookup()"] = "registry.lookup: hub (a hub or its id): expected",
      ['luahub.registry.contains_children(hub, { 1 })'] = "registry.contains_children: ids[1]: expected a string",
      ["luahub.synchronizer.trigger_sync({})"] = "synchronizer.trigger_sync: hub (a hub or its id): expected",
    }) do
      local said = n1:eval(([[return select(2, pcall(function() return %s end))]]):format(call))
      assert.is_truthy(said:find(text, 1, true), call .. ": " .. said)
      assert.is_nil(said:find("\n"), said)
    end
  end)
end)
