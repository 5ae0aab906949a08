local cluster = require("spec.cluster.helper")

-- A user's own synchronization strategy (events go only to nodes whose name ends in an odd digit) beside a handler for
-- the event "news" on each node.
local HUB = [[synchronization = { propagate = function(_, members)
    local odd = {}
    for _, name in ipairs(members) do
      if tonumber(name:sub(-1)) % 2 == 1 then odd[#odd + 1] = name end
    end
    return odd
  end },
  hooks = { news = { { id = "tell", handler = { "listener", "tell", "listener", "news" } } } },
  children = { { id = "listener", start = { "listener" } } }]]

describe("The services, on three nodes", function()
  local world, nodes, n1

  setup(function()
    world = cluster.new({ hub = HUB })
    nodes = { world:start("n1") }
    for i = 2, 3 do
      nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
    end
    n1 = nodes[1]
    cluster.eventually("all see each other", function()
      for _, node in ipairs(nodes) do
        local seen = node:registry()
        if seen.members ~= "n1 n2 n3" or seen.locked then return false, node.name .. " sees " .. seen.members end
      end
      return true
    end)
  end)
  teardown(function()
    world:close()
  end)

  local function heard(key)
    local found = {}
    for _, entry in ipairs(n1:eval([[return hub:call("listener", "heard")]])) do
      if type(entry) == "table" and entry.key == key then found[#found + 1] = entry end
    end
    return found
  end

  local function heard_from(data, expected)
    cluster.eventually("the handlers have run on " .. expected, function()
      local names = {}
      for _, entry in ipairs(heard("news")) do
        if entry.data == data then names[#names + 1] = entry.node end
      end
      table.sort(names)
      return table.concat(names, " ") == expected, table.concat(names, " ")
    end)
  end

  it("dispatch an event to all members, to some, or to oneself", function()
    assert.are.equal("event_dispatched", n1:eval([[
      return luahub.dispatcher.dispatch_event(hub.event_queue, "news", "to all")]]))
    heard_from("to all", "n1 n2 n3")
    n1:eval([[return luahub.dispatcher.dispatch_event(hub.event_queue, "news", "to n2", { members = { "n2" } })]])
    heard_from("to n2", "n2")
    nodes[3]:eval([[return luahub.dispatcher.dispatch_event(hub.event_queue, "news", "local", { members = "local" })]])
    heard_from("local", "n3")
    nodes[3]:eval([[
      return luahub.dispatcher.dispatch_event(hub.event_queue, "news", "away", { members = "external" })]])
    heard_from("away", "n1 n2")
  end)

  it("propagate an event as the user's synchronization strategy says", function()
    assert.is_true(nodes[2]:eval([[
      return luahub.dispatcher.propagate_event(hub, { name = "news", data = "odd" })]]))
    heard_from("odd", "n1 n3")
  end)

  it("refuse and count an event that speaks for rows of another node", function()
    local function refused(node)
      return node:eval("return counters().node.events_refused")
    end
    local before = { refused(nodes[2]), refused(nodes[3]) }
    -- n1 says that n2 registered a child: n3 believes only n2 itself.
    assert.is_true(n1:eval([[
      local data = { child_id = "made up", node_pids = { { node = "n2", pid = luahub.self() } } }
      return luahub.dispatcher.propagate_event(hub, { name = "child_registered", data = data })]]))
    cluster.eventually("it is refused", function()
      return refused(nodes[3]) == before[2] + 1
    end)
    assert.is_true(nodes[3]:eval([[return hub:child_lookup("made up") == nil]]))
    assert.is_true(n1:eval([[
      local data = { child_id = "own", node_pids = { { node = "n1", pid = luahub.self() } } }
      return luahub.dispatcher.propagate_event(hub, { name = "child_registered", data = data })]]))
    n1:eval([[return luahub.dispatcher.propagate_event(hub, { name = "news", data = "after" })]])
    heard_from("after", "n1 n3")
    assert.are.equal(before[2] + 1, refused(nodes[3]))
  end)

  it("start children by a node's request and tell those who wait", function()
    local answer = n1:eval([[
      local me = luahub.self()
      luahub.dispatcher.children_start(hub, { { node = "n2", children = {
        { id = "r1", start = { "tracked" } }, { id = "r2", start = { "raises", "refuse" } } },
        reply_to = { me }, transaction = "now" } })
      local out = {}
      for i = 1, 2 do
        local message = assert(luahub.receive(10000))
        local key, id, result = table.unpack(message)
        out[id] = { key, result.status, result.code or "none" }
      end
      return out]])
    assert.are.same({ r1 = { "now", "ok", "none" }, r2 = { "now", "error", "child_failed" } }, answer)
    assert.are.same({ "child_stop", "ok" }, n1:eval([[
      luahub.dispatcher.children_stop(hub, { { node = "n2", children = { "r1" }, reply_to = { luahub.self() } } })
      local message = assert(luahub.receive(10000))
      return { message[1], message[3].status }]]))
  end)

  it("T-190: reply to respondents, each time", function()
    assert.are.same({ { "k", "c", 7, "n9" }, { "k", "d", false, "n8" } }, nodes[2]:eval([[
      luahub.dispatcher.reply_respondents({ luahub.self() }, "k", "c", 7, "n9")
      luahub.dispatcher.reply_respondents({ luahub.self() }, "k", "d", false, "n8")
      return { luahub.receive(10000), luahub.receive(10000) }]]))
  end)

  it("start and stop children, awaited or not (T-213 to T-215)", function()
    assert.are.same({ "ok", 3, "ok", "not_found" }, n1:eval([[
      local specs = {}
      for i = 1, 3 do specs[i] = { id = "i" .. i, start = { "tracked" } } end
      local future = luahub.distributor.init_children(hub, specs, { awaitable = true })
      local started = future()
      local stopped = luahub.distributor.stop_children(hub, { "i1", "i2", "i3" }, { awaitable = true }):await()
      local unknown = luahub.distributor.stop_children(hub, { "nobody" }, { awaitable = true }):await()
      return { started:status(), #started:cids(), stopped:status(), unknown:errors()[1].code }]]))
    assert.are.equal("start_initiated", n1:eval([[
      return luahub.distributor.init_children("main", { { id = "i4", start = { "tracked" } } })]]))
    cluster.eventually("it runs", function()
      return n1:eval([[return hub:get_pid("i4") ~= nil]])
    end)
    assert.are.equal("stop_initiated", n1:eval([[return luahub.distributor.stop_children(hub, { "i4" })]]))
    cluster.eventually("it is gone", function()
      return n1:eval([[return hub:get_pid("i4") == nil]])
    end)
  end)

  it("terminate a child where it runs, and from every registry", function()
    n1:start_children({ "z1" })
    local place = n1:registry().nodes.z1
    for _, node in ipairs(nodes) do
      if node.name ~= place then
        assert.are.equal("not_found", node:eval([[
          local ok, err = luahub.distributor.child_terminate(hub, "z1", hub.synchronization)
          return ok or err.code]]))
      end
    end
    for _, node in ipairs(nodes) do
      if node.name == place then
        assert.is_true(node:eval([[return luahub.distributor.child_terminate(hub, "z1", nil)]]))
      end
    end
    for _, node in ipairs(nodes) do
      cluster.eventually(node.name .. " has forgotten it", function()
        return node:eval([[return hub:child_lookup("z1") == nil]])
      end)
    end
  end)

  it("call a child undefined while it starts, and restarting while it is started again", function()
    local function states(id)
      local found = {}
      for _, answer in ipairs(n1:eval([[return luahub.distributor.which_children_global(hub)]])) do
        for _, child in ipairs(answer.children) do
          if child[1] == id then found = { child[2], answer.node } end
        end
      end
      return found[1], nodes[tonumber((found[2] or "n1"):sub(2))]
    end
    local function refusal(node)
      return node:eval([[
        local ok, err = luahub.distributor.child_terminate(hub, "gate", nil)
        return ok or err.code]])
    end
    world:write("gated.lua", [[
      local luahub = require("luahub")
      return { init = function()
        while not io.open("open") do luahub.sleep(20) end
        return {}
      end, call = function() error("as told") end }]])
    n1:eval([[return hub:start_child({ id = "gate", start = { "gated" } })]])
    local host
    cluster.eventually("it starts", function()
      local state
      state, host = states("gate")
      return state == "undefined", state
    end)
    assert.are.equal("running", refusal(host))
    world:write("open", "")
    cluster.eventually("it runs", function()
      return n1:eval([[return hub:get_pid("gate") ~= nil]])
    end)
    assert(os.remove(world.directory .. "/open"))
    host:try([[return hub:call("gate", "crash")]])
    cluster.eventually("it starts again", function()
      local state = states("gate")
      return state == "restarting", state
    end)
    assert.are.equal("restarting", refusal(host))
    world:write("open", "")
    cluster.eventually("it runs again", function()
      return n1:eval([[return hub:get_pid("gate") ~= nil]])
    end)
    assert.is_true(refusal(host))
  end)

  it("give children to a node (T-216): those that run here move, the others start there", function()
    assert.are.equal("no_children_to_redistribute", n1:eval([[
      return luahub.distributor.children_redist_init(hub, {}, "n3")]]))
    for _, target in ipairs { "n3", "n1", "n2" } do -- wherever y1 belongs, two of them are a move or a start elsewhere
      local host = n1:eval([[return hub:get_pid("y1") and hub:call("y1", "where").node or "n1"]])
      local host_node = nodes[tonumber(host:sub(2))]
      assert.are.equal("redistribution_initiated", host_node:eval(([[
        return luahub.distributor.children_redist_init(hub, { { id = "y1", start = { "tracked" } } }, "%s")]])
        :format(target)))
      cluster.eventually("it runs on " .. target, function()
        local ok, answer = n1:try([[return assert(hub:call("y1", "where")).node]])
        return ok and answer == target, answer
      end)
    end
  end)

  it("say what every node runs (T-210, T-212)", function()
    n1:start_children(cluster.ids("w", 12))
    local count, names = 0, {}
    for _, answer in ipairs(n1:eval([[return luahub.distributor.which_children_global(hub, { timeout = 5000 })]])) do
      names[#names + 1] = answer.node
      for _, child in ipairs(answer.children) do
        if child[1]:find("^w") then count = count + 1 end
      end
    end
    assert.are.equal("n1 n2 n3", table.concat(names, " "))
    assert.are.equal(12, count)
    local own = 0
    for _, node in ipairs(nodes) do
      local answer = node:eval([[return luahub.distributor.which_children_local(hub)]])
      assert.are.equal(node.name, answer.node)
      for _, child in ipairs(answer.children) do
        if child[1]:find("^w") then own = own + 1 end
      end
    end
    assert.are.equal(12, own)
    assert.are.equal(12, n1:stop_children(cluster.ids("w", 12)).count)
    for _, node in ipairs(nodes) do
      for _, child in ipairs(node:eval([[return luahub.distributor.which_children_local(hub)]]).children) do
        assert.is_nil(child[1]:find("^w"), child[1])
      end
    end
  end)
end)

describe("A distribution strategy of the user's", function()
  it("places children, and survives a death and a join", function()
    cluster.with({ hub = [[distribution = require("strategy_by_name")]] }, function(world)
      local ids = {}
      for i = 1, 3 do
        for k = 1, 5 do
          ids[#ids + 1] = ("n%d/%d"):format(i, k)
        end
      end
      local n1 = world:start("n1")
      local n2 = world:start("n2", { join = { n1 } })
      local n3 = world:start("n3", { join = { n1 } })
      n2:start_children(ids)
      local places = world:settled({ n1, n2, n3 }, ids)
      for _, id in ipairs(ids) do
        assert.are.equal(id:match("^n%d"), places[id])
      end
      n3:kill()
      world:settled({ n1, n2 }, ids)
      n3 = world:start("n3", { join = { n2 } })
      world:settled_as(places, { n1, n2, n3 }, ids)
      local ok, message = n1:try(([[
        return hub:start_child({ id = %q, start = { "tracked" } }, { awaitable = true }):await():errors()[1].message
      ]]):format(("x"):rep(201)))
      assert.is_true(ok)
      assert.matches("at most 200 bytes", message)
    end)
  end)
end)

describe("Messages between nodes", function()
  local world, n1, n2

  before_each(function()
    world = cluster.new()
    n1 = world:start("n1")
    n2 = world:start("n2", { join = { n1 } })
    cluster.eventually("they see each other", function()
      return n1:registry().members == "n1 n2" and n2:registry().members == "n1 n2"
    end)
  end)
  after_each(function()
    world:close()
  end)

  it("reach, are answered, and tell of ends, wherever the pid is", function()
    assert.are.same({ "n2", true, "down", "normal", "exit", "broken" }, n1:eval([[
      local out = {}
      local pid = assert(luahub.spawn({ "procs", 60000 }, { node = "n2" }))
      out[1] = require("luahub.core").pid_node(pid)
      local ref = luahub.monitor(pid)
      out[2] = luahub.send(pid, { "exit", "normal" })
      local down = assert(luahub.receive(10000))
      assert(down.ref == ref and down.pid == pid)
      out[3], out[4] = down.type, down.reason
      luahub.trap_exit(true)
      local other = assert(luahub.spawn({ "procs", 60000 }, { node = "n2" }))
      luahub.link(other)
      luahub.send(other, { "exit", "broken" })
      local exit = assert(luahub.receive(10000))
      out[5], out[6] = exit.type, exit.reason
      return out]]))
  end)

  it("say node_down when the node of a monitored pid is killed, and unknown_outcome to calls", function()
    n1:start_children(cluster.ids("c", 20))
    local answer = n1:background([[
      local child
      for _, entry in ipairs(hub:process_list()) do
        if entry.instances[1].node == "n2" then child = entry.instances[1].pid end
      end
      local pid = assert(luahub.spawn({ "procs", 60000 }, { node = "n2" }))
      luahub.monitor(pid)
      io.open("calls", "w"):close()
      local _, err = luahub.call(child, { "sleep", 60000 }, 50000)
      local down = assert(luahub.receive(20000))
      return { down.type, down.reason, err.code }]])
    cluster.eventually("the call is made", function()
      return io.open(world.directory .. "/calls")
    end)
    n2:kill()
    assert.are.same({ "down", "node_down", "unknown_outcome" }, answer())
  end)
end)
