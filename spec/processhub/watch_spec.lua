-- Watching the registry, and messages to all children of a tag, on a real hub of three nodes.
local cluster = require("spec.cluster.helper")

describe("A watch", function()
  local world, nodes, n1

  before_each(function()
    world = cluster.new()
    nodes = { world:start("n1") }
    for i = 2, 3 do
      nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
    end
    n1 = nodes[1]
    world:settled(nodes, {})
  end)
  after_each(function()
    world:close()
  end)

  local function start(specs)
    assert.are.equal("ok", n1:eval(([[
      return luahub.await(hub:start_children(%s, { awaitable = true, ack = "all" })):status()]]):format(specs)))
  end

  local function place(id)
    return n1:eval(([[return hub:child_lookup(%q).instances[1].node]]):format(id))
  end

  -- Waits until the last lines that the watcher was told are these; answers all of them.
  local function told(id, lines)
    local all
    cluster.eventually("it is told " .. table.concat(lines, ", "), function()
      all = n1:eval(([[return hub:call(%q, "told")]]):format(id))
      return table.concat(all, "\n"):sub(-#table.concat(lines, "\n")) == table.concat(lines, "\n"), all
    end)
    return all
  end

  it("T-104, T-105: tells of one child: that it runs, what its metadata is, that it is gone", function()
    start([[{ { id = "w", start = { "watcher", { id = "c" } } } }]])
    start([[{ { id = "c", start = { "tracked" }, metadata = { step = 1 } }, { id = "d", start = { "tracked" } } }]])
    local node = place("c")
    n1:eval([[return hub:set_metadata("c", { step = 2 })]])
    n1:eval([[return hub:set_metadata("d", { step = 2 })]])
    n1:eval([[return hub:stop_child("c", { awaitable = true }):await():status()]])
    local lines = { "started c %s 1", "changed c %s 2", "stopped c %s 2" }
    for i, line in ipairs(lines) do
      lines[i] = line:format(node)
    end
    assert.are.same(lines, told("w", lines))
    assert.are.equal(true, n1:eval([[return hub:call("w", "unwatch")]]))
    start([[{ { id = "c", start = { "tracked" } } }]])
    assert.are.same(lines, told("w", lines))
  end)

  it("tells of a tag: who has it, who loses it", function()
    start([[{ { id = "w", start = { "watcher", { tag = "x" } } } }]])
    start([[{ { id = "c", start = { "tracked" }, metadata = { tag = "x", step = 1 } },
      { id = "d", start = { "tracked" }, metadata = { tag = "y" } } }]])
    n1:eval([[return hub:set_metadata("c", { tag = "z", step = 2 })]])
    n1:eval([[return hub:set_metadata("c", { step = 3 })]])
    n1:eval([[return hub:set_metadata("d", { tag = "x", step = 4 })]])
    local c, d = place("c"), place("d")
    local lines = { "started c " .. c .. " 1", "changed c " .. c .. " 2", "changed d " .. d .. " 4" }
    assert.are.same(lines, told("w", lines))
  end)

  it("tells what ended with a node, and where it runs instead", function()
    -- The watcher sits on n1: of several, one that does.
    start([[(function()
      local specs = {}
      for i = 1, 12 do specs[i] = { id = "w" .. i, start = { "watcher", { tag = "x" } } } end
      for i = 1, 12 do specs[12 + i] = { id = "c" .. i, start = { "tracked" }, metadata = { tag = "x", step = 1 } } end
      return specs
    end)()]])
    local watcher, child, victim
    for i = 1, 12 do
      if place("w" .. i) == "n1" then watcher = "w" .. i end
      if place("c" .. i) ~= "n1" then child, victim = "c" .. i, place("c" .. i) end
    end
    nodes[victim == "n2" and 2 or 3]:kill()
    cluster.eventually("it is told", function()
      local text = table.concat(n1:eval(([[return hub:call(%q, "told")]]):format(watcher)), "\n")
      local stopped = text:find(("stopped %s %s 1"):format(child, victim), 1, true)
      return stopped and text:find("started " .. child .. " n%d 1", stopped), text
    end)
  end)

  it("that does not read loses changes, says so, and goes on", function()
    local answer = n1:eval([[
      local me = luahub.self()
      local ref = assert(hub:watch())
      local before = counters().node.watch_lost
      local specs, ids = {}, {}
      for i = 1, 3000 do specs[i], ids[i] = { id = "m" .. i, start = { "listener" } }, "m" .. i end
      assert(hub:start_children(specs, { awaitable = true }):await():status() == "ok")
      local seen, lost = 0, 0
      while lost == 0 do
        local message = assert(luahub.receive(10000))
        if message.change == "started" then seen = seen + 1 end
        if message.change == "lost" then lost = lost + 1 end
      end
      while luahub.receive(0) do end
      assert(hub:set_metadata("m1", { step = 1 }))
      local last = assert(luahub.receive(10000))
      assert(hub:unwatch(ref))
      local _, err = hub:unwatch(ref)
      return { seen, counters().node.watch_lost - before, last.change, last.id, err.code }]])
    assert.are.same({ 1000, 2000, "changed", "m1", "not_found" }, answer)
  end)

  it("of one node has a limit, and ends with its process", function()
    local answer = n1:eval([[
      local count, err = 0, nil
      while not err do
        local ref
        ref, err = hub:watch({ id = "nobody" })
        if ref then count = count + 1 end
      end
      return { count, err.code, err.message }]])
    assert.are.same({ 256, "limit", "more than 256 watches on this node" }, answer)
    cluster.eventually("there is room again", function()
      return n1:eval([[return hub:watch() ~= nil]])
    end)
    for _, case in ipairs({
      { [[{ id = "a", tag = "b" }]], "give id or tag, not both" },
      { [[{ tags = "b" }]], "unknown option 'tags' (did you mean 'tag'?)" },
      { [["a"]], 'options: expected a table, got "a"' },
    }) do
      local text = n1:eval(([[return select(2, pcall(hub.watch, hub, %s))]]):format(case[1]))
      assert.matches("hub:watch: " .. case[2], text, 1, true)
    end
  end)
end)

describe("A message to a tag", function()
  it("reaches all its children, on every node, and nobody else", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1")
      local n2 = world:start("n2", { join = { n1 } })
      world:settled({ n1, n2 }, {})
      assert.are.same({ 20, 0, "invalid" }, n1:eval([[
        local specs = {}
        for i = 1, 30 do
          specs[i] = { id = "c" .. i, start = { "tracked" }, metadata = { tag = i <= 20 and "x" or "y" } }
        end
        assert(hub:start_children(specs, { awaitable = true }):await():status() == "ok")
        local _, err = hub:cast_tag("x", print)
        return { hub:cast_tag("x", "increment"), hub:cast_tag("none", "increment"), err.code }]]))
      cluster.eventually("they have it", function()
        return n2:sum(cluster.ids("c", 30)) == 20
      end)
    end)
  end)
end)
