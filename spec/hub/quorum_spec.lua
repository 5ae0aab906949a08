-- Quorum strategies over many simulated hubs: who acts after a split, a crash, a stall, a return; and that a child
-- never runs in two places at once. Numbers are those of reliability's cases and ProcessHub's scenarios.
local history = require("spec.hub.history")
local quorums = require("spec.hub.quorums")
local seen = require("spec.hub.seen")

local WAIT, states, running, never_twice = seen.WAIT, seen.states, seen.running, seen.never_twice

--- `count` nodes with a quorum, and forty children once they may start any.
local function started(seed, count, quorum, hot)
  local h = history.new(seed, count, { quorum = quorum, hot = hot })
  h:run(WAIT + 2000)
  h:start(1, 1, 40)
  h:run(3000)
  local total = running(h)
  assert.equal(40, total, "seed " .. seed .. ": " .. states(h))
  return h
end

describe("a static quorum", function()
  it("is decided before anything is started: a side that is too small starts nothing (T-011, L-18)", function()
    local h = history.new(1, 3, { quorum = { "static", 4, 6 } })
    assert.equal("partitioned partitioned partitioned", states(h))
    local start = h:start(1, 1, 5)
    h:run(3000)
    assert.equal("partitioned", h:answer(start).result.errors[1].code)
    local total = running(h)
    assert.equal(0, total)
    h:join()
    h:run(WAIT + 3000)
    assert.equal("free free free free", states(h))
    h:start(1, 1, 5)
    h:run(2000)
    total = running(h)
    assert.equal(5, total)
  end)

  it("of seven is not there with six nodes, is with eight, and goes with the seventh (T-011)", function()
    local h = history.new(1, 6, { quorum = { "static", 7, 12 } })
    local function expect(state)
      for _, node in ipairs(h:up()) do assert.equal(state, h.sim:state(node), states(h)) end
    end
    expect("partitioned")
    h:join()
    h:join()
    h:run(WAIT + 3000)
    expect("free")
    h.sim:crash(8, 200)
    h:run(WAIT + 3000)
    expect("free")
    h.sim:crash(7, 200)
    h:run(WAIT + 3000)
    expect("partitioned")
  end)

  it("is as large as it was said to be, however many there were (T-308)", function()
    local h = history.new(1, 3, { quorum = { "static", 3, 5 } })
    h:join()
    h:join()
    h:run(WAIT + 3000)
    for node = 5, 4, -1 do
      h.sim:crash(node, 200)
      h:run(WAIT + 3000)
      assert.equal("free", h.sim:state(1), states(h))
    end
    h.sim:crash(3, 200)
    h:run(WAIT + 3000)
    assert.equal("partitioned", h.sim:state(1), states(h))
  end)

  it("takes more than half of the nodes where there are more than it was said there would be", function()
    for seed = 1, 20 do
      local h = started(seed, 6, { "static", 3, 5 }, seed % 2 == 0)
      h:split(1000, { 4, 5, 6 })
      h:run(20000)
      assert.equal(("partitioned "):rep(6), states(h) .. " ", "seed " .. seed)
      h:heal(500)
      h:run(20000)
      local total = running(h)
      assert.equal(40, total, "seed " .. seed .. ": " .. states(h))
      never_twice(h, "seed " .. seed)
    end
  end)

  it("starts at once where all there can be are there", function()
    local h = history.new(1, 3, { quorum = { "static", 2, 3 } })
    h:start(1, 1, 5)
    h:run(1000)
    local total = running(h)
    assert.equal(5, total)
  end)

  it("gives up its children before the others start them, cold and hot (case 69)", function()
    for seed = 1, 30 do
      local h = started(seed, 5, { "static", 3, 5 }, seed % 2 == 0)
      h:split(1000, { 4, 5 })
      h:run(8000)
      local fewer, before = running(h)
      assert.is_nil(before.n4 or before.n5, "seed " .. seed)
      assert.is_true(fewer < 40)
      h:run(WAIT + 2000)
      local total = running(h)
      assert.equal(40, total, "seed " .. seed .. ": " .. states(h))
      assert.equal("free free free partitioned partitioned", states(h))
      h:heal(500)
      h:run(30000)
      local all, after = running(h)
      assert.equal(40, all, "seed " .. seed .. ": " .. states(h))
      assert.is_truthy(after.n4 and after.n5)
      assert.equal("free free free free free", states(h))
      never_twice(h, "seed " .. seed)
    end
  end)

  it("runs nothing on either side of a two-two split, and all of it after it (case 68)", function()
    for seed = 1, 20 do
      local h = started(seed, 4, { "static", 3, 4 })
      h:split(1000, { 1, 2 })
      h:run(20000)
      local total = running(h)
      assert.equal(0, total, "seed " .. seed)
      assert.equal("partitioned partitioned partitioned partitioned", states(h))
      h:heal(500)
      h:run(20000)
      total = running(h)
      assert.equal(40, total, "seed " .. seed .. ": " .. states(h))
      never_twice(h, "seed " .. seed)
    end
  end)

  it("recovers what a dead node ran once its lease is over, and not before", function()
    for seed = 1, 20 do
      local h = started(seed, 3, { "static", 2, 3 })
      h.sim:crash(3, 200)
      h:run(WAIT - 500)
      local fewer = running(h)
      assert.is_true(fewer < 40, "seed " .. seed)
      h:run(3000)
      local total, on = running(h)
      assert.equal(40, total, "seed " .. seed .. ": " .. states(h))
      assert.is_nil(on.n3)
      never_twice(h, "seed " .. seed)
    end
  end)

  it("keeps the children of a node that stalls for a while; one that was taken over runs none (case 53)", function()
    for seed = 1, 30 do
      local h = started(seed, 3, { "static", 2, 3 }, seed % 2 == 0)
      h.sim:stall(2, 1000 * seed, 2000)
      h:run(1000 * seed + 30000)
      local total = running(h)
      assert.equal(40, total, "seed " .. seed .. ": " .. states(h))
      never_twice(h, "seed " .. seed)
    end
  end)

  it("holds over histories of splits, stalls, starts and stops", function()
    for seed = 1, 60 do assert.same({}, (quorums(seed)), "seed " .. seed) end
  end)
end)
