-- Events between nodes, by pub/sub and by gossip: T-005, T-191, T-328 to T-330, T-332, T-339, T-341; and that an idle
-- hub fires no hook and sends nothing that grows with its rows (T-404, 8.3).

local cluster = require("spec.cluster.helper")
local sim = require("luahub.sim")

local KEYS = {
  "pre_node_join", "post_node_join", "pre_node_leave", "post_node_leave", "child_registered", "child_unregistered",
  "pre_redistribution", "post_redistribution", "pre_children_start", "post_children_start", "migration_completed",
  "child_pid_updated", "children_forwarded", "coordinator_shutdown", "handover_delivered", "priority_state_updated",
}

local function all_see_all(nodes, names)
  cluster.eventually("all see each other", function()
    for _, node in ipairs(nodes) do
      local seen = node:registry()
      if seen.members ~= names or seen.locked then return false, node.name .. " sees " .. seen.members end
    end
    return true
  end)
end

for _, strategy in ipairs({ "pubsub{}", "gossip{ recipients = 1 }", "gossip{ recipients = 2 }" }) do
  describe("Events by " .. strategy, function()
    local world, nodes

    setup(function()
      world = cluster.new({ hub = ([[synchronization = luahub.synchronization.%s,
        hooks = { news = { { id = "note", handler = { "ears", "note", "news" } } } }]]):format(strategy) })
      nodes = { world:start("n1") }
      for i = 2, 4 do
        nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
      end
      all_see_all(nodes, "n1 n2 n3 n4")
    end)
    teardown(function()
      world:close()
    end)
    before_each(function()
      os.remove(world.directory .. "/ears")
    end)

    -- Waits until exactly these lines are there, in whatever order.
    local function heard(expected)
      table.sort(expected)
      cluster.eventually("the handlers have been called", function()
        local lines = {}
        local file = io.open(world.directory .. "/ears")
        for line in file and file:lines() or function() end do
          lines[#lines + 1] = line
        end
        if file then file:close() end
        table.sort(lines)
        return table.concat(lines, ", ") == table.concat(expected, ", "), table.concat(lines, ", ")
      end)
    end

    local function tell(node, data, members)
      assert.is_true(node:eval(([[
        return luahub.dispatcher.propagate_event(hub, { name = "news", data = %s }, { members = %s })]])
        :format(data, members)))
    end

    it("T-191, T-339: reach the handlers of every node, each once", function()
      local expected = {}
      for i, node in ipairs(nodes) do
        tell(node, i, '"global"')
        for _, other in ipairs(nodes) do
          expected[#expected + 1] = ("%s news %d"):format(other.name, i)
        end
      end
      heard(expected)
    end)

    it("T-341: reach this node, all others, or those that are named", function()
      tell(nodes[2], 1, '"local"')
      tell(nodes[3], 2, '"external"')
      tell(nodes[4], 3, '{ "n1", "n4", "nobody" }')
      tell(nodes[1], 4, "{}")
      heard({ "n2 news 1", "n1 news 2", "n2 news 2", "n4 news 2", "n1 news 3", "n4 news 3" })
    end)

    it("T-005, L-6: start and stop 100 tagged children, which every node then has, and has no more", function()
      local ids = cluster.ids("t", 100)
      nodes[2]:start_children(ids, [[metadata = { tag = "tagged" }]])
      local function tagged(node)
        return node:eval([[
          local count = 0
          for _, child in ipairs(hub:registry_dump()) do
            if child.metadata.tag == "tagged" and child.spec.start[1] == "tracked" and #child.instances == 1 then
              count = count + 1
            end
          end
          assert(count == #hub:tag_query("tagged"))
          return count]])
      end
      local function all_have(count)
        for _, node in ipairs(nodes) do
          cluster.eventually(node.name .. " has them", function()
            local now = tagged(node)
            return now == count, now
          end)
        end
      end
      all_have(100)
      local stopped = nodes[3]:stop_children(ids)
      assert.are.same({ status = "ok", count = 100, ordered = 0 }, stopped)
      all_have(0)
    end)

    it("speak for no rows but the sender's", function()
      local function refused()
        return nodes[3]:eval("return luahub.counters().node.events_refused")
      end
      local before = refused()
      nodes[1]:eval([[
        local data = { child_id = "made up", node_pids = { { node = "n2", pid = luahub.self() } } }
        return luahub.dispatcher.propagate_event(hub, { name = "child_registered", data = data })]])
      cluster.eventually("n3 refuses it", function()
        return refused() == before + 1
      end)
    end)
  end)
end

describe("Events that are dispatched", function()
  it("T-326, T-328 to T-330, T-332: wait while children are moved, are discarded, or pass, as their sender says; "
    .. "T-034, T-162, T-163: the hub is locked until then", function()
    local hub = [[hooks = { news = { { id = "note", handler = { "ears", "note", "news" } } } }]]
    cluster.with({ hub = hub }, function(world)
      world:write("held.lua", [[
        return { init = function() return {} end, terminate = function()
          while io.open("hold") do require("luahub").sleep(20) end
        end }]])
      local n1 = world:start("n1")
      local function say(data, options)
        return n1:eval(([[
          return luahub.dispatcher.dispatch_event(hub.event_queue, "news", %s, %s)]]):format(data, options or "nil"))
      end
      assert.is_false(n1:eval("return hub:is_locked()"))
      assert.are.equal("event_dispatched", say(1))
      n1:eval([[
        local specs = {}
        for i = 1, 40 do specs[i] = { id = "c" .. i, start = { "held" }, shutdown = 17000 } end
        return hub:start_children(specs, { awaitable = true }):await():status()]])
      world:write("hold", "")
      world:start("n2", { join = { n1 } })
      cluster.eventually("children are being moved", function()
        return n1:eval("return hub:is_locked()")
      end)
      assert.are.equal("event_queued", say(2, '{ members = "local" }'))
      assert.are.equal("event_discarded", say(3, '{ members = "local", discard_event = true }'))
      assert.are.equal("event_queued", say(4, '{ members = "local" }'))
      n1:eval([[return luahub.hook_manager.dispatch_hook(hub, "news", 5)]])
      assert(os.remove(world.directory .. "/hold"))
      cluster.eventually("what waited runs, in its order", function()
        local file = io.open(world.directory .. "/ears")
        local text = file and file:read("a") or ""
        return text == "n1 news 1\nn1 news 5\nn1 news 2\nn1 news 4\n", text
      end)
      assert.is_true(n1:eval([[return luahub.state.await_unlocked(hub, 60000)]]))
      assert.is_false(n1:eval("return hub:is_locked()"))
    end)
  end)
end)

describe("luahub.synchronization", function()
  it("gossip passes events on among twenty nodes, each once, and survives nodes that die #notsan", function()
    for seed = 1, 5 do
      local report = assert(sim.run("spec/processhub/scenario/gossip.lua", { seed = seed }))
      assert(report.ok, ("seed %d: %s: %s"):format(seed, tostring(report.invariant), tostring(report.message)))
    end
  end)

  it("refuses what it does not know, in one line", function()
    local synchronization = require("luahub.synchronization")
    for text, options in pairs({
      ["recipients: expected at most 64, got 65"] = { recipients = 65 },
      ["recipients: expected an integer from 1 on, got 0"] = { recipients = 0 },
      ["unknown option 'recipient' (did you mean 'recipients'?)"] = { recipient = 3 },
      ["unknown option 'sync_interval': there is none here"] = { sync_interval = 15000 },
    }) do
      local ok, said = pcall(synchronization.gossip, options)
      assert.is_false(ok)
      assert.is_truthy(said:find("synchronization.gossip: " .. text, 1, true), said)
    end
  end)
end)

describe("An idle hub", function()
  it("T-404: fires no hook, and sends no more for 3,000 children than for none", function()
    local hooks = {}
    for i, key in ipairs(KEYS) do
      hooks[i] = ('%s = { { id = "note", handler = { "ears", "note", %q } } }'):format(key, key)
    end
    cluster.with({ hub = ("hooks = { %s }"):format(table.concat(hooks, ", ")) }, function(world)
      local nodes = { world:start("n1") }
      for i = 2, 3 do
        nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
      end
      all_see_all(nodes, "n1 n2 n3")

      local function counters()
        return nodes[1]:eval("return luahub.counters()")
      end
      -- Bytes that a node sends while it probes others so many times.
      local function bytes_of(probes)
        local first = counters()
        local last = first
        cluster.eventually("it has probed others", function()
          last = counters()
          return last.member.probes >= first.member.probes + probes
        end)
        local bytes = last.link.bytes_out - first.link.bytes_out
          + last.link.datagram_bytes_out - first.link.datagram_bytes_out
        return bytes / (last.member.probes - first.member.probes), last.node.hooks_run - first.node.hooks_run
      end
      local function quiet()
        local before
        cluster.eventually("no handler has anything to do", function()
          local same = true
          local now = {}
          for i, node in ipairs(nodes) do
            now[i] = node:eval([[
              if hub:is_locked() then return -1 end
              for _, key in ipairs(luahub.hook_manager.keys(hub)) do
                if luahub.hook_manager.registered_handlers(hub, key)[1].waiting > 0 then return -1 end
              end
              return luahub.counters().node.hooks_run]])
            same = same and now[i] >= 0 and before ~= nil and before[i] == now[i]
          end
          before = now
          return same
        end)
      end

      quiet()
      local empty, none = bytes_of(10)
      assert.are.equal(0, none)
      nodes[1]:start_children(cluster.ids("c", 3000))
      quiet()
      local full, fired = bytes_of(10)
      assert.are.equal(0, fired)
      assert(full < 2 * empty + 200, ("%.0f bytes a probe with 3,000 children, %.0f with none"):format(full, empty))
    end)
  end)
end)
