-- What can be wrong with a simulated host and its network: clocks, disks, slow readers, damaged packets.
local env = require "luahub_test.env"
local world = require "spec.env.world"

local A, B = "10.0.0.1", "10.0.0.2"

describe("a simulated host", function()
  local sim

  before_each(function() sim = env.sim(1) end)
  after_each(function() sim:free() end)

  describe("with a clock that goes wrong", function()
    it("does things when its own clock shows the time", function()
      local a, at = sim:host(A), nil
      sim:clock(A, 20000)
      local due = a:now() + 1000
      a:timer(function(now) at = { now = now, world = sim:now() } end):set(due)
      sim:run(2000)
      assert.equal(due, at.now)
      assert.equal(1 + math.ceil(1000 / 1.02), at.world)
      a:free()
    end)

    it("never goes back, whatever its rate becomes, and timers follow", function()
      local a, fired = sim:host(A), 0
      a:timer(function() fired = fired + 1 end):set(a:now() + 3000)
      local last = a:now()
      for _, rate in ipairs { 20000, -20000, 500000, -500000, 0 } do
        sim:clock(A, rate)
        assert.is_true(a:now() >= last)
        sim:run(500)
        assert.is_true(a:now() > last)
        last = a:now()
      end
      assert.equal(0, fired)
      sim:run(3000)
      assert.equal(1, fired)
      a:free()
    end)
  end)

  describe("with a disk that", function()
    it("does not sync: an error, and the old file or the new", function()
      local a, seen = sim:host(A), {}
      assert.is_true(a:write("epoch", "1"))
      sim:disk(A, "unsynced")
      for n = 2, 40 do
        local before = a:read "epoch"
        local none, code = a:write("epoch", tostring(n))
        assert.same({ nil, "io" }, { none, code })
        local now = a:read "epoch"
        assert.is_true(now == before or now == tostring(n))
        seen[now == before] = true
      end
      assert.same({ [true] = true, [false] = true }, seen)
      a:free()
    end)

    it("loses power while it writes: nothing runs there, and the file is old, new, or a part of the new", function()
      local seen = {}
      for seed = 1, 60 do
        local other = env.sim(seed)
        local a, ran = other:host(A), false
        assert.is_true(a:write("epoch", "old"))
        a:timer(function() ran = true end):after(10)
        other:disk(A, "tearing")
        assert.is_nil(a:write("epoch", "new"))
        assert.is_false(other:is_up(A))
        other:run(100)
        assert.is_false(ran)
        a:free()
        a = other:host(A)
        seen[a:read "epoch"] = true
        assert.is_true(a:write("epoch", "again"))
        a:free()
        other:free()
      end
      assert.same({ old = true, new = true, ne = true, n = true, [""] = true }, seen)
    end)

    it("is gone, or is put into another machine", function()
      local a = sim:host(A)
      assert.is_true(a:write("key", "secret"))
      a:free()
      sim:move(A, B)
      local b = sim:host(B)
      assert.equal("secret", b:read "key")
      b:free()
      sim:wipe(B)
      b, a = sim:host(B), sim:host(A)
      assert.same({ nil, "not_found" }, { (b:read "key"), (select(2, b:read "key")) })
      assert.is_nil((a:read "key"))
      a:free()
      b:free()
    end)
  end)

  it("that reads slowly gets a stream as slowly, whole and in order", function()
    local a, b = sim:host(A), sim:host(B)
    local ends = world.connect(sim, a, b, B .. ":7000")
    sim:run(50)
    sim:reading(B, 10)
    local text = ("0123456789"):rep(200)
    for at = 1, #text, 100 do ends.client.stream:send(text:sub(at, at + 99)) end
    sim:run(100)
    assert.is_true(#ends.server.data < #text, "it has read all of it at once")
    sim:run(1000)
    assert.equal(text, ends.server.data)
    a:free()
    b:free()
  end)
end)

describe("a simulated network", function()
  local sim

  before_each(function() sim = env.sim(1) end)
  after_each(function() sim:free() end)

  it("flips one bit of a damaged packet, and counts it", function()
    sim:network { delay_min = 1, delay_max = 1, corrupt = 1000000 }
    local a, b, got = sim:host(A), sim:host(B), nil
    b:dgram(B .. ":7000", function(_, data) got = data end)
    a:dgram(A .. ":7000", function() end):send(B .. ":7000", "\0\0\0\0")
    sim:run(10)
    local ones = 0
    for _, byte in ipairs { got:byte(1, -1) } do
      while byte > 0 do
        ones, byte = ones + (byte & 1), byte >> 1
      end
    end
    assert.equal(1, ones)
    assert.equal(1, sim:corrupted())
    a:free()
    b:free()
  end)

  it("lets datagrams be overtaken by much", function()
    sim:network { delay_min = 1, delay_max = 1, reorder = 500000 }
    local a, b, got = sim:host(A), sim:host(B), {}
    b:dgram(B .. ":7000", function(_, data) got[#got + 1] = data end)
    local sender = a:dgram(A .. ":7000", function() end)
    for n = 1, 100 do
      sender:send(B .. ":7000", ("%03d"):format(n))
      sim:run(1)
    end
    sim:run(1000)
    assert.equal(100, #got)
    local late = 0
    for at = 2, #got do
      if got[at] < got[at - 1] then late = late + 1 end
    end
    assert.is_true(late > 10, "only " .. late .. " came late")
    a:free()
    b:free()
  end)
end)
