-- Stop orders: what is kept in mind for them is bounded, and nothing that was stopped comes back for it.
local history = require("spec.hub.history")

local DAY_MS = 24 * 3600 * 1000

describe("a node", function()
  it("makes orders of the oldest of its stops when too many are not known to all", function()
    local many = 16384 + 100
    local h = history.new(1, 2)
    h:start(1, 1, many, { node = "n1", given = true })
    h:run(2000)
    h:split(40000, { 2 })
    h:stop(1, 1, many)
    h:run(1000)
    assert.equal(100, h.sim:counters(1).stop_orders)
    h:run(40000)
    assert.equal(many, h.sim:counters(1).stop_orders)
    h:heal(500)
    assert.same({}, h:rest())
    assert.same({}, h.sim:truth())
  end)

  it("forgets the oldest of the stops that it asked for when there are too many", function()
    local many = 32768 + 100
    local h = history.new(1, 2)
    h:start(2, 1, many, { node = "n2", given = true })
    h:run(3000)
    h:stop(1, 1, many)
    h:run(3000)
    assert.equal(100, h.sim:counters(1).asked_forgotten)
    assert.same({}, h.sim:truth())
  end)

  it("forgets its stops when all have heard of them: a death later needs no orders", function()
    local h = history.new(1, 3)
    h:start(1, 1, 60)
    h:run(2000)
    h:stop(1, 1, 60)
    h:run(2000)
    h.sim:crash(3)
    h:run(5000)
    for node = 1, 2 do assert.equal(0, h.sim:counters(node).stop_orders) end
    assert.same({}, h:rest())
  end)

  it("keeps those that died first as one when too many are away, and orders reach them all the same", function()
    local h = history.new(1, 3)
    h:start(1, 1, 3)
    h:run(2000)
    for _ = 1, 34 do
      h:join()
      h:run(600)
      h.sim:crash(h.nodes)
      h:run(2500)
    end
    assert.equal(2, h.sim:counters(1).away_joined)
    h:stop(1, 1, 3)
    h:run(1000)
    assert.equal(3, #h.sim:orders(1))
    h:run(DAY_MS)
    assert.equal(0, #h.sim:orders(1))
    assert.same({}, h:rest())
  end)
end)

describe("a stop", function()
  -- n2 is cut off, and nobody knows of it yet, when children of n3 are stopped and n3 dies.
  it("is remembered by whoever asked for it when its host dies before all have heard", function()
    for seed = 1, 20 do
      local h = history.new(seed, 4)
      h:start(1, 1, 10, { node = "n3", given = true })
      h:run(2000)
      h:split(4000, { 2 })
      local stop = h:stop(1, 1, 10)
      h:run(100)
      assert.equal("ok", h:answer(stop).result.status, "seed " .. seed)
      h.sim:crash(3, 100 + 400 * (seed % 10))
      h:run(10000)
      h:heal(500)
      assert.same({}, h:rest(), "seed " .. seed)
      assert.same({}, h.sim:truth(), "seed " .. seed)
    end
  end)
end)

describe("a stop order", function()
  -- A node joins, children move to it with their state, and as soon as some are prepared there the node they come from
  -- is cut off. All are stopped before the others have taken over what ran there.
  it("ends what was prepared for a move from a node that is gone", function()
    local seen = 0
    for seed = 1, 20 do
      local h = history.new(seed, 2, { hot = true })
      h:start(1, 1, 40, { node = "n2", given = true })
      h:run(2000)
      local joined = h:join()
      for _ = 1, 2000 do
        if h.sim:figures().idle > 0 then break end
        h.sim:run(1)
      end
      seen = seen + h.sim:figures().idle
      h.sim:crash(2, 50)
      h.sim:run(5)
      h.sim:stop(1, 1, 40)
      h:run(12000)
      assert.equal(0, h.sim:figures().idle, ("seed %d: n%d keeps what was prepared"):format(seed, joined))
      assert.same({}, h.sim:truth(), "seed " .. seed)
    end
    assert.is_true(seen > 0)
  end)
end)
