-- Busy and blocked actors: they give way, or delay only their own heap, and can be stopped.
local World = dofile "spec/actor/world.lua"

describe("busy actors", function()
  local world, lua

  before_each(function()
    world = World.new(1)
    lua = world.lua
  end)
  after_each(function() world:close() end)

  it("give way to others of their heap", function()
    local busy, other = world:child { "worker", { loop = true } }, world:child { "counter" }
    for i = 1, 5 do assert.are.equal(i + 1, lua.call(other, i)) end
    assert.is_true(world.raw:counters().preemptions > 0)
    assert.is_false(world:stop(busy).killed)
  end)

  it("give way in a callback, which a stop's time limit ends", function()
    local busy, other = world:child { "counter" }, world:child { "counter" }
    world.raw:run(500, "jobs", "ask", { server = busy, request = { kind = "loop", tell = lua.self() } })
    assert.are.equal("looping", lua.receive(5000))
    assert.are.equal(2, lua.call(other, 1))
    assert.is_true(world:stop(busy, "enough", 50).killed)
    assert.are.equal("not_here", world:expect("ran", 500).value)
  end)

  it("are stopped even where they cannot give way", function()
    local stuck = world:child({ "worker", { sort = true } })
    assert.are.equal(stuck, world:stop(stuck, "enough", 50).pid)
    local other = world:child { "counter" }
    assert.are.equal(2, lua.call(other, 1))
  end)

  it("are killed where they cannot give way", function()
    local stuck = world:child({ "worker", { sort = true } }, { isolated = true })
    local ref = lua.monitor(stuck)
    world.raw:kill(stuck, "killed")
    assert.are.equal(ref, lua.receive(5000).ref)
  end)

  it("delay only their heap while they are inside C", function()
    local blocked = world:child({ "counter" }, { isolated = true })
    local other = world:child { "counter" }
    world.raw:run(510, "jobs", "ask", { server = blocked, request = { kind = "blocked" } })
    assert.are.equal(2, lua.call(other, 1))
    assert.is_true(world:expect("ran", 510).value)
  end)

  it("run on a thread of their own when dedicated", function()
    local blocked = world:child({ "counter" }, { dedicated = true })
    local other = world:child { "counter" }
    world.raw:run(511, "jobs", "ask", { server = blocked, request = { kind = "blocked" } })
    assert.are.equal(2, lua.call(other, 1))
    assert.is_true(world:expect("ran", 511).value)
    world:stop(blocked)
  end)

  it("end with their run's time limit", function()
    world.raw:run(520, "jobs", "loop", {}, 50)
    local ran = world:expect("ran", 520)
    assert.are.equal("failed", ran.status)
    assert.is_truthy(ran.text:find("in its time", 1, true))
  end)

  it("are interrupted", function()
    local pid = world.raw:spawn_isolated("worker", { loop = true })
    local ref = lua.monitor(pid)
    world.raw:interrupt(pid)
    local down = lua.receive(5000)
    assert.are.equal(ref, down.ref)
    assert.is_truthy(down.reason:find("interrupted!", 1, true))
  end)

  it("are left behind when everything ends", function()
    world:child { "worker", { loop = true } }
    world.raw:start { { token = 1, id = "x", spec = { start = { "worker", { sort = true } }, isolated = true } } }
  end)
end)

describe("an init that never ends", function()
  local world
  before_each(function() world = World.new(1) end)
  after_each(function() world:close() end)

  it("is given up, with its module or without", function()
    world.raw:start {
      { token = 1, id = "loop", spec = { start = { "counter", { loop = true } } } },
      { token = 2, id = "module", spec = { start = { "endless" }, isolated = true } },
    }
    local other = world:child { "counter" }
    assert.are.equal(2, world.lua.call(other, 1, 20000))
    for token = 1, 2 do
      local event = world:expect("started", token)
      assert.are.equal("timeout", event.status)
    end
  end)
end)
