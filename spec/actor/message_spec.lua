-- Messages between actors and with the main program, on two scheduler threads and on none.
local World = dofile "spec/actor/world.lua"

local CAST = 2

for _, schedulers in ipairs { 2, 0 } do
  describe(("messages with schedulers = %d"):format(schedulers), function()
    local world, lua

    before_each(function()
      world = World.new(schedulers)
      lua = world.lua
    end)
    after_each(function() world:close() end)

    it("answers calls of the main program", function()
      local pid = world:child { "counter", { n = 5 } }
      assert.are.equal(5, lua.call(pid, { kind = "get" }))
      assert.are.equal(8, lua.call(pid, { kind = "add", by = 3 }))
    end)

    it("answers calls between actors", function()
      local pid = world:child { "counter" }
      assert.are.equal(2000, world:run("ping_pong", { server = pid, count = 2000 }))
    end)

    it("passes a call on while the server between waits", function()
      local first, second = world:child { "counter" }, world:child { "counter", { n = 9 } }
      assert.are.same({ 9 }, lua.call(first, { kind = "forward", to = second, request = { kind = "get" }, ms = 1000 }))
    end)

    it("keeps the order of one sender", function()
      local expected = {}
      for i = 1, 300 do expected[i] = i end
      assert.are.same(expected, world:run("order", { count = 300 }))
    end)

    it("keeps the order of casts and sends from outside", function()
      local pid = world:child { "counter" }
      for i = 1, 50 do
        if i % 2 == 0 then lua.cast(pid, i) else lua.send(pid, i) end
      end
      local seen = lua.call(pid, { kind = "seen" })
      for i = 1, 50 do assert.are.equal(i, seen[i]) end
    end)

    it("gathers what comes together, and hands it on in its order", function()
      local pids, far = {}, world.raw:remote_pid(3)
      for i = 1, 40 do pids[i] = world:child { "counter" } end -- in more than one heap
      for round = 1, 3 do
        for _, pid in ipairs(pids) do world.raw:gather(CAST, pid, far, 0, round) end
      end
      for _, pid in ipairs(pids) do assert.are.same({}, lua.call(pid, { kind = "seen" })) end
      world.raw:flush()
      for _, pid in ipairs(pids) do assert.are.same({ 1, 2, 3 }, lua.call(pid, { kind = "seen" })) end
    end)

    it("tells a timeout, and takes no late answer for another", function()
      local pid = world:child { "counter", { n = 7 } }
      local value, err = lua.call(pid, { kind = "sleep", ms = 60 }, 5)
      assert.is_nil(value)
      assert.are.equal("timeout", err.code)
      assert.are.equal(42, lua.call(pid, 41, 5000))
    end)

    it("answers later what call put off", function()
      local pid = world:child { "counter" }
      local me = lua.self()
      local asker = world:child { "counter" }
      lua.cast(asker, "wake")
      world.raw:run(900, "jobs", "ask_later", { server = pid, tell = me })
      assert.are.equal("asked", lua.receive(5000))
      assert.is_true(lua.call(pid, { kind = "release", value = "at last" }))
      assert.are.equal("at last", lua.receive(5000))
    end)

    it("refuses what cannot be sent, naming it", function()
      local pid = world:child { "counter" }
      local value, err = lua.send(pid, { items = { print } })
      assert.is_nil(value)
      assert.are.equal("invalid", err.code)
      assert.is_truthy(err.message:find("items", 1, true))
      value, err = lua.call(pid, { kind = "unsendable" })
      assert.is_nil(value)
      assert.are.equal("invalid", err.code)
    end)

    it("says who is not there", function()
      local pid = world:child { "counter" }
      world:stop(pid)
      local _, err = lua.call(pid, 1)
      assert.are.equal("not_here", err.code)
      local gone = world:child { "worker", { once = true } }
      world:expect "ended"
      _, err = lua.call(gone, 1)
      assert.are.equal("not_found", err.code)
    end)

    it("names a missing callback", function()
      local pid = world:child { "bare" }
      local _, err = lua.call(pid, 1)
      assert.are.equal("invalid", err.code)
      assert.is_truthy(err.message:find("'bare' has no function 'call'", 1, true))
    end)

    it("raises misuse in the caller's name", function()
      local errors = world:run "errors"
      assert.is_truthy(errors.send:find("bad argument #1 to 'send' (pid expected", 1, true), errors.send)
      assert.is_truthy(errors.call:find("pid expected", 1, true))
      assert.is_truthy(errors.sleep:find("0 or more", 1, true))
      assert.is_truthy(errors.spawn:find("function or", 1, true))
      assert.is_truthy(errors.sort:find("cannot wait here", 1, true))
    end)

    it("limits a mailbox", function()
      local pid = world:child { "counter" }
      lua.cast(pid, 0)
      world.raw:run(901, "jobs", "flood", { server = pid, count = 100010 })
      local event = world:expect("ran", 901, 20000)
      assert.are.equal("mailbox_full", event.value)
      assert.is_true(world.raw:counters().mailbox_full >= 10)
    end)

    it("sends after a while, unless cancelled", function()
      assert.are.same({ "first", "second", "third", true, false }, world:run "timers")
    end)

    it("keeps answers until they are awaited", function()
      assert.are.same({ 55, "timeout", "not_found", "denied", "the service said no", "timeout" }, world:run "futures")
    end)

    it("asks the service from the main program", function()
      assert.are.same({ a = { 1, 2 } }, lua.request("echo", { a = { 1, 2 } }, 1000))
      local _, err = lua.request("fail", nil, 1000)
      assert.are.equal("denied", err.code)
    end)

    it("waits inside coroutines of the actor's own and inside pcall", function()
      local pid = world:child { "counter" }
      assert.are.same({ 42, "end" }, world:run("coroutines", { server = pid }))
      assert.are.same({ true, 2 }, world:run("protected", { server = pid }))
    end)

    it("receives in a callback what was sent meanwhile", function()
      local pid = world:child { "counter" }
      lua.cast(pid, "a cast")
      world.raw:run(902, "jobs", "call_receive", { server = pid, tell = lua.self() })
      assert.are.equal("receiving", lua.receive(5000))
      lua.send(pid, "for the callback")
      assert.are.same({ "for the callback" }, world:expect("ran", 902).value)
    end)

    it("keeps its pids working under a new epoch", function()
      local pid = world:child { "counter", { n = 3 } }
      world.raw:set_self(9)
      assert.are.equal(3, lua.call(pid, { kind = "get" }))
    end)
  end)
end
