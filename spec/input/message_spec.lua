-- Messages that cannot be sent, and calls that find nobody, between two real nodes.
--
-- Tagged #notsan: what is tried is not between threads, and real nodes are slow there.
local cluster = require("spec.cluster.helper")

describe("Messages between nodes #notsan", function()
  local world, n1, n2, ids, there

  setup(function()
    world = cluster.new()
    n1 = world:start("n1")
    n2 = world:start("n2", { join = { n1 } })
    ids = cluster.ids("c", 10)
    n1:start_children(ids)
    for id, node in pairs(world:settled({ n1, n2 }, ids)) do
      if node == "n2" then there = id end
    end
  end)
  teardown(function()
    world:close()
  end)
  after_each(function()
    assert.are.equal(0, n1:sum(ids))
    for _, id in ipairs(ids) do
      assert.are.equal(1, world:starts()[id])
    end
  end)

  local function counted(name)
    return n1:eval("return luahub.counters().actor." .. name)
  end

  for _, case in ipairs({
    { "a function", "{ f = print }", "invalid", "message.f: a function cannot be sent" },
    { "a userdata", "io.stdout", "invalid", "message: a userdata cannot be sent" },
    { "a coroutine", "{ { coroutine.create(print) } }", "invalid", "message[1][1]: a coroutine cannot be sent" },
    { "a cycle", "(function() local t = { a = {} } t.a.b = t return t end)()", "invalid",
      "message: a table that contains itself cannot be sent" },
    { "a table as a key", "{ [{}] = 1 }", "invalid", "message: a table cannot be a key of a table that is sent" },
    { "too many levels", "(function() local t = {} for _ = 1, 40 do t = { t } end return t end)()", "too_large",
      "message[1][1][1]: tables nested deeper than 32 cannot be sent" },
    { "more than 16 MiB", '("x"):rep(16 * 1024 * 1024)', "too_large",
      "message: too large to be sent: 16777216 bytes at most" },
  }) do
    it("are refused where they are sent when they are " .. case[1] .. ", by name", function()
      local before = counted("unsendable")
      assert.are.same({ case[3], case[4], case[3], case[4], case[3], case[4] }, n1:eval(([[
        local pid, message, out = hub:get_pid(%q), %s, {}
        for _, way in ipairs({ luahub.call, luahub.cast, luahub.send }) do
          local _, err = way(pid, message)
          out[#out + 1], out[#out + 2] = err.code, err.message
        end
        return out]]):format(there, case[2])))
      assert.are.equal(before + 3, counted("unsendable"))
    end)
  end

  it("L-22: to a child that is not there, or has died in the call, are answered so", function()
    local before = counted("timeouts")
    assert.are.same({ "not_found", "hub main has no running child nobody" }, n1:eval([[
      local _, err = hub:call("nobody", 1, 300)
      return { err.code, err.message }]]))
    assert.are.equal("not_found", n1:eval([[return select(2, hub:cast("nobody", 1)).code]]))
    assert.are.same({ "crashed", "not_here" }, n1:eval([[
      local function start(id)
        local spec = { id = id, start = { "tracked" }, restart = "temporary" }
        assert(hub:start_child(spec, { awaitable = true }):await():status() == "ok")
        return hub:get_pid(id)
      end
      local _, crashed = luahub.call(start("dies"), "crash")
      local stopped = start("stops")
      hub:stop_child("stops", { awaitable = true }):await()
      local _, gone = luahub.call(stopped, "get")
      return { crashed.code, gone.code }]]))
    assert.are.equal(before, counted("timeouts"))
  end)

  it("answered too late are not taken for the answer to another call", function()
    local before = counted("timeouts")
    assert.are.same({ "timeout", "slept", 0, "slept" }, n1:eval(([[
      local pid = hub:get_pid(%q)
      local _, late = luahub.call(pid, { "sleep", 200 }, 50)
      return { late.code, luahub.call(pid, { "sleep", 1 }), luahub.call(pid, "get"), luahub.call(pid, { "sleep", 1 }) }
      ]]):format(there)))
    assert.are.equal(before + 1, counted("timeouts"))
  end)

  it("beyond what a mailbox holds are refused, counted, and the rest is worked off", function()
    assert.are.equal("mailbox_full", n2:eval(([[
      local pid = hub:get_pid(%q)
      local sleeper = luahub.spawn(function() luahub.call(pid, { "sleep", 1500 }, 10000) end)
      luahub.sleep(50)
      for _ = 1, 100010 do luahub.cast(pid, "nothing") end
      return select(2, luahub.call(pid, "get", 10000)).code]]):format(there), { timeout = 60000 }))
    assert.is_true(n2:eval("return luahub.counters().actor.mailbox_full") >= 10)
    cluster.eventually("what was taken is worked off", function()
      return n2:try(([[return assert(hub:call(%q, "get"))]]):format(there))
    end)
  end)
end)
