-- How actors begin and end, and who learns of it.
local World = dofile "spec/actor/world.lua"

for _, schedulers in ipairs { 2, 0 } do
  describe(("the life of actors with schedulers = %d"):format(schedulers), function()
    local world, lua

    before_each(function()
      world = World.new(schedulers)
      lua = world.lua
    end)
    after_each(function() world:close() end)

    it("tells why a child did not start", function()
      local event = world:start { "counter", { refuse = "no room" } }
      assert.are.equal("failed", event.status)
      assert.are.equal("init refused: no room", event.text)
      event = world:start { "counter", { raise = "broken" } }
      assert.are.equal("failed", event.status)
      assert.is_truthy(event.text:find("broken", 1, true))
      event = world:start { "no_such_module" }
      assert.is_truthy(event.text:find("no_such_module", 1, true))
      event = world:start {}
      assert.is_truthy(event.text:find("start: a list", 1, true))
      assert.are.equal(1, world.raw:counters().actors)
    end)

    it("starts many children, each answered once", function()
      local batch, seen = {}, {}
      for i = 1, 3000 do batch[i] = { token = i, id = "m" .. i, spec = { start = { "bare" } } } end
      world.raw:start(batch)
      for _ = 1, 3000 do
        local event = world:expect "started"
        assert.are.equal("ok", event.status)
        assert.is_nil(seen[event.token])
        seen[event.token] = event.pid
      end
      assert.is_true(world.raw:counters().heaps >= 2)
    end)

    it("lets init wait while others start", function()
      world.raw:start {
        { token = 800, id = "slow", spec = { start = { "counter", { wait = 50 } } } },
        { token = 801, id = "fast", spec = { start = { "counter" } } },
      }
      assert.are.equal(801, world:expect("started").token)
      assert.are.equal(800, world:expect("started").token)
    end)

    it("knows its context", function()
      local pid = world:child({ "counter" }, { metadata = { tag = "x" }, generation = 77 })
      local context = lua.call(pid, { kind = "context" })
      assert.are.equal("h1", context.hub)
      assert.are.equal("n1", context.node)
      assert.are.equal(77, context.generation)
      assert.are.same({ tag = "x" }, context.metadata)
      assert.is_truthy(context.id:find "^c%d+$")
    end)

    it("ends the actor whose callback raises, and no other", function()
      local bad, good = world:child { "counter" }, world:child { "counter", { n = 1 } }
      local value, err = lua.call(bad, { kind = "raise" })
      assert.is_nil(value)
      assert.are.equal("crashed", err.code)
      assert.is_truthy(err.message:find("told to raise", 1, true))
      local ended = world:expect "ended"
      assert.are.equal("failed", ended.status)
      assert.are.equal(bad, ended.pid)
      assert.are.equal(1, lua.call(good, { kind = "get" }))
    end)

    it("tells a normal end from a crash", function()
      world:child { "worker", { once = true } }
      assert.are.equal("ok", world:expect("ended").status)
      world:child { "worker", { exit = "shutdown" } }
      assert.are.equal("ok", world:expect("ended").status)
      world:child { "worker", { raise = "bad" } }
      assert.are.equal("failed", world:expect("ended").status)
      local pid = world:child { "counter" }
      lua.call(pid, { kind = "exit", reason = "gave up" })
      local ended = world:expect "ended"
      assert.are.equal("failed", ended.status)
      assert.are.equal("gave up", ended.text)
    end)

    it("ends a child by os.exit, not the node", function()
      local token = world:next_token()
      world.raw:run(token, "jobs", "os_exit", {})
      assert.are.equal("failed", world:expect("ran", token).status)
    end)

    it("tells those who watch", function()
      local pid = world:child { "worker", {} }
      local ref = lua.monitor(pid)
      lua.send(pid, "stop")
      local message = lua.receive(5000)
      assert.are.same({ type = "down", ref = ref, pid = pid, reason = "normal" }, message)
      ref = lua.monitor(pid)
      message = lua.receive(5000)
      assert.are.same({ type = "down", ref = ref, pid = pid, reason = "not_found" }, message)
      local bad = world:child { "counter" }
      world.raw:run(700, "jobs", "watch", { pid = bad, tell = lua.self() })
      assert.are.equal("watching", lua.receive(5000))
      lua.cast(bad, 1)
      lua.call(bad, { kind = "exit", reason = "tired" })
      assert.are.same({ same = true, type = "down", reason = "tired" }, world:expect("ran", 700).value)
    end)

    it("forgets a monitor that is taken back", function()
      local pid = world:child { "worker", {} }
      local ref = lua.monitor(pid)
      assert.is_true(lua.demonitor(ref))
      assert.is_false(lua.demonitor(ref))
      lua.send(pid, "stop")
      world:expect "ended"
      local _, err = lua.receive(10)
      assert.are.equal("timeout", err.code)
    end)

    it("ends linked actors together, and tells those that trap exits", function()
      local first = world:child { "counter" }
      local second = world:child { "counter", { link = first } }
      lua.call(first, { kind = "exit", reason = "gone" })
      local one, two = world:expect "ended", world:expect "ended"
      assert.are.equal("gone", one.text)
      assert.are.equal("gone", two.text)
      assert.are_not.equal(one.pid, two.pid)
      assert.is_true(one.pid == second or two.pid == second)
      local linked = world:run "linked"
      assert.is_true(linked.same)
      assert.are.equal("exit", linked.type)
      assert.is_truthy(linked.reason:find("broke", 1, true))
    end)

    it("passes an exit along a chain of links", function()
      assert.are.equal("end of the chain", world:run("chain", { count = 200 }))
    end)

    it("spawns modules in heaps of their own and beside the caller", function()
      for _, how in ipairs { {}, { isolated = true }, { dedicated = true }, { node = "n1" } } do
        local got = world:run("spawned", { options = { n = 40 }, how = how })
        assert.are.equal(42, got.value)
      end
      local failed = world:run("spawned", { options = { refuse = "full" } })
      assert.are.equal("failed", failed.code)
      assert.are.equal("init refused: full", failed.message)
    end)

    it("spawns from the main program what takes no locals along", function()
      local pid = lua.spawn(function() require("luahub.core").receive() end)
      local ref = lua.monitor(pid)
      lua.send(pid, 1)
      assert.are.equal(ref, lua.receive(5000).ref)
      local value = 1
      assert.has_error(function() lua.spawn(function() return value end) end)
      local server = lua.spawn { "counter", { n = 3 } }
      assert.are.equal(3, lua.call(server, { kind = "get" }))
    end)

    it("asks the node to spawn elsewhere", function()
      local _, err = lua.spawn({ "counter" }, { node = "n2" })
      assert.are.equal("timeout", err.code)
    end, nil)

    it("runs shell commands without a fork of its own", function()
      assert.are.same({ "out\n", true, false, "exit", 3, "fine" }, world:run "shell")
    end)

    it("reuses the heaps of isolated children, never a pid", function()
      local seen = {}
      for _ = 1, 20 do
        local pid = world:child({ "counter" }, { isolated = true })
        assert.is_nil(seen[pid])
        seen[pid] = true
        world:stop(pid)
      end
      assert.is_true(world.raw:counters().heaps <= 4)
    end)

    it("runs a session in a heap of its own", function()
      local pid = world.raw:spawn_isolated("worker", { tell = lua.self() })
      lua.send(pid, "hello")
      assert.are.equal("hello", lua.receive(5000))
      local ref = lua.monitor(pid)
      world.raw:kill(pid, "client_gone")
      local first, second = lua.receive(5000), lua.receive(5000)
      assert.are.equal("closed", first)
      assert.are.same({ type = "down", ref = ref, pid = pid, reason = "client_gone" }, second)
    end)

    it("interrupts what waits", function()
      local token = world:next_token()
      local pid = world.raw:spawn_isolated("worker", { tell = lua.self() })
      local ref = lua.monitor(pid)
      lua.send(pid, token)
      assert.are.equal(token, lua.receive(5000))
      world.raw:interrupt(pid)
      assert.are.equal("closed", lua.receive(5000))
      local down = lua.receive(5000)
      assert.are.equal(ref, down.ref)
      assert.is_truthy(down.reason:find("interrupted!", 1, true))
    end)
  end)
end

describe("a set of actors", function()
  it("opens and closes again and again", function()
    for i = 1, 10 do
      local world = World.new(i % 3)
      world:child { "counter" }
      world:child({ "worker", {} }, { dedicated = true })
      world.raw:run(1000, "jobs", "wait", {})
      world:close()
    end
  end)
end)
