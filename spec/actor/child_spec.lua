-- Stop, freeze, thaw, activate; policy questions; nodes that go down.
local World = dofile "spec/actor/world.lua"

local CAST, CALL, REPLY, MONITOR, EXIT, LINK = 2, 3, 4, 6, 11, 9

for _, schedulers in ipairs { 2, 0 } do
  describe(("orders with schedulers = %d"):format(schedulers), function()
    local world, lua

    before_each(function()
      world = World.new(schedulers)
      lua = world.lua
    end)
    after_each(function() world:close() end)

    it("runs terminate once with the reason", function()
      local pid = world:child { "counter", { n = 2, tell = lua.self() } }
      local stopped = world:stop(pid, "bye")
      assert.is_false(stopped.killed)
      assert.are.same({ terminated = "bye", n = 2 }, lua.receive(5000))
      local _, err = lua.receive(5)
      assert.are.equal("timeout", err.code)
      assert.is_false(world:stop(pid).killed)
    end)

    it("ends a child whose terminate takes too long", function()
      for _, how in ipairs { "loop", "wait" } do
        local pid = world:child { "counter", { stop = how } }
        assert.is_true(world:stop(pid, "bye", 30).killed)
      end
    end)

    it("stops plain processes where they wait or run", function()
      local waiting = world:child { "worker", { tell = lua.self() } }
      world:stop(waiting)
      assert.are.equal("closed", lua.receive(5000))
      local running = world:child { "worker", { loop = true } }
      world:stop(running)
      local trapping = world:child { "worker", { trap = true, tell = lua.self() } }
      lua.send(trapping, "ready")
      assert.are.equal("ready", lua.receive(5000))
      world.raw:stop(600, trapping, "enough", 5000)
      local message = lua.receive(5000)
      assert.are.equal("exit", message.type)
      assert.are.equal("enough", message.reason)
      lua.send(trapping, "stop")
      assert.is_false(world:expect("stopped", 600).killed)
    end)

    it("answers queued calls not_here and forwards the rest", function()
      local new = world:child { "counter" }
      local old = world:child { "counter" }
      local token = world:next_token()
      world.raw:freeze(token, old)
      assert.are.equal("ok", world:expect("frozen", token).status)
      world.raw:run(601, "jobs", "ask", { server = old })
      lua.cast(old, "queued")
      lua.send(old, "sent")
      lua.call(new, 1)
      world:stop(old, "moved", 1000, new)
      assert.are.equal("not_here", world:expect("ran", 601).value)
      lua.cast(old, "late")
      lua.call(new, 1)
      local seen = lua.call(new, { kind = "seen" })
      table.sort(seen)
      assert.are.same({ "late", "queued", "sent" }, seen)
    end)

    it("moves a state", function()
      local old = world:child({ "counter", { n = 12 } }, { generation = 1 })
      local new = world:child({ "counter" }, { prepared = true, generation = 1 })
      lua.cast(new, "held")
      world.raw:freeze(610, old)
      local frozen = world:expect("frozen", 610)
      assert.are.same({ n = 12 }, frozen.value)
      local _, err = lua.call(old, { kind = "get" }, 20)
      assert.are.equal("timeout", err.code)
      world.raw:activate(611, new, frozen.value, 5)
      assert.are.equal("ok", world:expect("activated", 611).status)
      assert.are.equal(12, lua.call(new, { kind = "get" }))
      assert.are.same({ "held" }, lua.call(new, { kind = "seen" }))
      assert.are.equal(5, lua.call(new, { kind = "context" }).generation)
    end)

    it("has for its state what takeover answers, or what it made of init's when that is nothing", function()
      for token, answer in ipairs({ false, "nothing" }) do
        local pid = world:start({ "counter", { n = 1 } }, { prepared = true }).pid
        world.raw:activate(token + 650, pid, { n = 8, answer = answer or nil }, 5)
        assert.are.equal("ok", world:expect("activated", token + 650).status)
        assert.are.equal(8, lua.call(pid, { kind = "get" }))
      end
    end)

    it("does not go on with what is no state", function()
      local pid = world:start({ "counter" }, { prepared = true }).pid
      world.raw:activate(655, pid, { n = 8, answer = 7 }, 5)
      local activated = world:expect("activated", 655)
      assert.are.equal("failed", activated.status)
      assert.are.equal("takeover of module 'counter' returned a number (a table, or nothing, expected)", activated.text)
    end)

    it("goes on after a thaw with what was queued", function()
      local pid = world:child { "counter" }
      world.raw:freeze(620, pid)
      world:expect("frozen", 620)
      lua.cast(pid, "meanwhile")
      world.raw:thaw(pid, 9)
      assert.are.same({ "meanwhile" }, lua.call(pid, { kind = "seen" }))
      assert.are.equal(9, lua.call(pid, { kind = "context" }).generation)
    end)

    it("refuses to freeze what cannot be handed over", function()
      local bare = world:child { "bare" }
      world.raw:freeze(630, bare)
      assert.are.equal("invalid", world:expect("frozen", 630).status)
      local process = world:child { "worker", {} }
      world.raw:freeze(631, process)
      assert.are.equal("invalid", world:expect("frozen", 631).status)
      world:stop(bare)
      world.raw:freeze(632, bare)
      assert.are.equal("not_found", world:expect("frozen", 632).status)
      local prepared = world:start({ "worker", {} }, { prepared = true })
      assert.are.equal("failed", prepared.status)
    end)

    it("asks the main program while it waits", function()
      lua.set_policy(function(kind, argument)
        if kind == "raise" then error("no opinion") end
        return { kind = kind, doubled = 2 * argument, from = lua.request("echo", "nested", 1000) }
      end)
      world.raw:ask(640, "place", 21)
      world.raw:ask(641, "raise", 0)
      lua.sleep(50)
      local answered = world:expect("answered", 640)
      assert.are.same({ kind = "place", doubled = 42, from = "nested" }, answered.value)
      answered = world:expect("answered", 641)
      assert.are.equal("failed", answered.status)
      assert.is_truthy(answered.text:find("no opinion", 1, true))
    end)

    it("takes no more questions inside of others than it should, and answers all", function()
      local depth, deepest, done = 0, 0, 0
      lua.set_policy(function(_, argument)
        depth = depth + 1
        deepest = math.max(deepest, depth)
        lua.sleep(50)
        depth, done = depth - 1, done + 1
        return argument
      end)
      for i = 1, 40 do world.raw:ask(800 + i, "place", i) end
      while done < 40 do lua.sleep(1) end
      for i = 1, 40 do assert.are.equal(i, world:expect("answered", 800 + i).value) end
      assert.are.equal(16, deepest)
    end)

    it("routes what is for another node, and takes its answers", function()
      local far = world.raw:remote_pid(3)
      world.raw:run(650, "jobs", "ask", { server = far, request = "hello" })
      local routed = world:expect "route"
      assert.are.equal(CALL, routed.kind)
      assert.are.equal(far, routed.pid)
      assert.are.equal("hello", routed.value)
      world.raw:deliver(REPLY, routed.from, far, routed.ref, "answer")
      assert.are.equal("answer", world:expect("ran", 650).value)
    end)

    it("speaks for a node that is gone", function()
      local far = world.raw:remote_pid(4)
      world.raw:run(651, "jobs", "ask", { server = far })
      world.raw:run(652, "jobs", "watch", { pid = far })
      local linked = world:child { "counter", { link = far } }
      local kinds = {}
      for _ = 1, 3 do kinds[world:expect("route").kind] = true end
      assert.are.same({ [CALL] = true, [MONITOR] = true, [LINK] = true }, kinds)
      world.raw:node_down()
      assert.are.equal("unknown_outcome", world:expect("ran", 651).value)
      assert.are.equal("node_down", world:expect("ran", 652).value.reason)
      local ended = world:expect "ended"
      assert.are.equal(linked, ended.pid)
      assert.are.equal("node_down", ended.text)
    end)

    it("answers monitors and links of other nodes", function()
      local far, pid = world.raw:remote_pid(5), world:child { "counter" }
      world.raw:deliver(MONITOR, pid, far, 77, nil)
      world.raw:deliver(LINK, pid, far, 0, nil)
      world.raw:deliver(CAST, pid, far, 0, "x")
      lua.call(pid, { kind = "exit", reason = "over" })
      local down, exit = world:expect "route", world:expect "route"
      assert.are.equal(77, down.ref)
      assert.are.equal("over", down.value)
      assert.are.equal(EXIT, exit.kind)
    end)
  end)
end
