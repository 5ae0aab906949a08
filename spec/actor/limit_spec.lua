-- The limits of actors: each is reached, what is beyond is refused and counted, and the others go on.
--
-- Tagged #notsan where a million messages take a minute under ThreadSanitizer.
local World = dofile "spec/actor/world.lua"

describe("actors", function()
  local world, lua

  before_each(function()
    world = World.new(2)
    lua = world.lua
  end)
  after_each(function() world:close() end)

  local function run(name, argument)
    local token = world:next_token()
    world.raw:run(token, "limits", name, argument, 60000)
    local event = world:expect("ran", token, 60000)
    assert.are.equal("ok", event.status, event.text)
    return event.value
  end

  local function counted(name) return world.raw:counters()[name] end

  it("refuse a message that is too large", function()
    local pid = world:child { "counter" }
    local fits = ("x"):rep(16 * 1024 * 1024 - 5)
    assert.is_true(lua.send(pid, fits))
    local ok, err = lua.send(pid, fits .. "x")
    assert.is_nil(ok)
    assert.are.equal("too_large", err.code)
    assert.are.equal("message: too large to be sent: 16777216 bytes at most", err.message)
    assert.are.equal(1, counted "unsendable")
    assert.are.equal(0, counted "dropped")
  end)

  it("limit the bytes that wait in a heap #notsan", function()
    local stuck = world:child({ "counter" }, { isolated = true })
    local other = world:child { "counter" }
    local gate = world:child { "counter" }
    local wait = { kind = "forward", to = gate, request = { kind = "later", tell = lua.self() }, ms = 60000 }
    world.raw:run(700, "jobs", "ask", { server = stuck, request = wait })
    assert.are.equal("asked", lua.receive(5000))
    assert.are.equal("mailbox_full", run("bytes", { server = stuck, bytes = 1 << 20, count = 300 }))
    assert.is_true(counted "mailbox_full" + counted "inbox_full" >= 40)
    assert.are.equal(2, lua.call(other, 1))
    lua.call(gate, { kind = "release", value = true })
    world:expect("ran", 700)
    assert.are.equal(2, lua.call(stuck, 1, 20000))
  end)

  it("limit the messages that wait for their time #notsan", function()
    assert.are.equal("limit", run("timers", { count = 1000000 }))
    assert.are.equal(1, counted "timers_full")
  end)

  it("limit the futures that nobody awaits", function()
    assert.are.equal("limit", run("futures", { count = 4096 }))
    assert.are.equal(1, counted "futures_full")
  end)

  it("limits the messages on their way into a heap #notsan", function()
    local me = lua.self() -- whose program does not look at them meanwhile
    assert.are.equal("mailbox_full", run("messages", { to = me, count = 1000000 }))
    assert.is_true(counted "inbox_full" >= 1)
  end)

  it("limit the threads of dedicated children #notsan", function()
    local refused
    for _ = 1, 1030 do
      local event = world:start({ "counter" }, { dedicated = true })
      refused = refused or event.status ~= "ok" and event.text
      if refused then break end
    end
    assert.are.equal("no heap or thread left for an isolated or dedicated child", refused)
    assert.are.equal(1, counted "start_failures")
    assert.are.equal("ok", world:start { "counter" }.status)
  end)

  it("refuse the name of a module that is too long", function()
    local event = world:start { ("m"):rep(256) }
    assert.are_not.equal("ok", event.status)
    assert.is_truthy(event.text:find("expected", 1, true), event.text)
    assert.are.equal(1, counted "start_failures")
  end)
end)

describe("the watchdog", function()
  it("names a callback that is stuck in C", function()
    local world = World.new(1)
    local pid = world:child({ "counter" }, { isolated = true })
    world.raw:run(710, "jobs", "ask", { server = pid, request = { kind = "sort" } })
    local deadline = os.time() + 20
    while world.raw:counters().blocked == 0 and os.time() < deadline do world.lua.sleep(20) end
    assert.are.equal(1, world.raw:counters().blocked)
    world:stop(pid, "enough", 50)
    world:close()
  end)
end)
