-- Quorums of an agreed member set, over many simulated hubs: how it is founded, grows, is kept on disk, is never
-- counted before it is agreed; who acts; and that a child never runs in two places at once. Numbers are ProcessHub's.
local history = require("spec.hub.history")
local quorums = require("spec.hub.quorums")
local seen = require("spec.hub.seen")

local WAIT, states, running, never_twice = seen.WAIT, seen.states, seen.running, seen.never_twice

--- The set that all nodes that are up have, and how many of it are a quorum.
local function agreed(h)
  local text, quorum
  for node = 1, h.nodes do
    if h.sim:up(node) then
      local members, needed = h.sim:members(node)
      local here = table.concat(members, " ")
      assert.equal(text or here, here, "n" .. node)
      text, quorum = here, needed
    end
  end
  return text, quorum
end

local function founded(seed, count, initial_size)
  return history.new(seed, count, { quorum = { "majority", initial_size or count } })
end

--- With forty children.
local function started(seed, count, initial_size)
  local h = founded(seed, count, initial_size)
  h:start(1, 1, 40)
  h:run(3000)
  assert.equal(40, (running(h)), "seed " .. seed .. ": " .. states(h))
  return h
end

describe("a majority quorum", function()
  it("is one of one, where one founds the set (T-300, T-301)", function()
    local h = started(1, 1, 1)
    assert.same({ "n1", 1 }, { agreed(h) })
  end)

  it("is not there before so many nodes are (T-302, T-310, T-311)", function()
    local h = founded(1, 4, 5)
    local start = h:start(1, 1, 5)
    h:run(3000)
    assert.equal("partitioned", h:answer(start).result.errors[1].code)
    assert.same({ "", 0 }, { agreed(h) })
    h:join()
    h:run(3000)
    assert.same({ "n1 n2 n3 n4 n5", 3 }, { agreed(h) })
    assert.equal("free free free free free", states(h))
  end)

  it("grows with whoever joins (T-304, T-305, T-309, T-312, T-313)", function()
    for seed = 1, 10 do
      local h = founded(seed, 1)
      for count = 2, 7 do
        h:join()
        h:run(3000)
        local _, quorum = agreed(h)
        assert.equal(count // 2 + 1, quorum, "seed " .. seed)
      end
      assert.equal(7, #h.sim:members(1))
      assert.equal("free free free free free free free", states(h))
    end
  end)

  it("keeps who dies or leaves in the set (T-303), and goes on down to the last majority (T-013)", function()
    local h = started(3, 6)
    for _ = 1, 4 do
      h:join()
      h:run(2000)
    end
    assert.same({ 6 }, { select(2, agreed(h)) })
    h.sim:crash(10)
    h.sim:leave(9)
    h:run(WAIT + 5000)
    h.sim:crash(8)
    h:run(WAIT + 5000)
    h.sim:leave(7)
    h:run(WAIT + 5000)
    assert.equal(10, #h.sim:members(1))
    assert.equal("free free free free free free down down down down", states(h))
    assert.equal(40, (running(h)))
    h.sim:crash(6)
    h:run(WAIT + 5000)
    assert.equal(0, (running(h)))
    never_twice(h)
  end)

  it("lets the larger side of a split go on, and none of two halves (T-306, T-307, T-312)", function()
    for seed = 1, 15 do
      for count = 3, 6 do
        local h = started(seed, count)
        h:split(1000, { 1, 2, 3 - count % 2 })
        h:run(8000)
        h:run(WAIT + 2000)
        local total, on = running(h)
        local larger = count % 2 == 1 and 40 or count == 4 and 40 or 0
        assert.equal(larger, total, ("seed %d, %d nodes: %s"):format(seed, count, states(h)))
        assert.is_true(count ~= 5 or not on.n1)
        h:heal(500)
        h:run(30000)
        assert.equal(40, (running(h)), "seed " .. seed .. ": " .. states(h))
        never_twice(h, ("seed %d, %d nodes"):format(seed, count))
      end
    end
  end)

  it("is not formed by a node that starts anew alone: it remembers the others (L-18, case 70)", function()
    for seed = 1, 10 do
      local h = started(seed, 3)
      for node = 1, 3 do h.sim:crash(node) end
      h:run(1000)
      h.sim:restart(2)
      h:run(2 * WAIT)
      assert.same({ "n1 n2 n3", 2 }, { agreed(h) })
      assert.equal("down partitioned down", states(h))
      assert.equal("partitioned", h:answer(h:start(2, 41, 45)) or (function()
        local start = h:start(2, 51, 55)
        h:run(1000)
        return h:answer(start).result.errors[1].code
      end)())
      h.sim:restart(3)
      h:run(WAIT + 3000)
      assert.equal("down free free", states(h))
      never_twice(h)
    end
  end)

  it("is found again at once where all members start anew", function()
    local h = started(1, 3)
    for node = 1, 3 do h.sim:crash(node) end
    h:run(6000)
    for node = 1, 3 do h.sim:restart(node) end
    h:run(3000)
    h:start(1, 41, 45)
    h:run(1500)
    assert.equal(5, (running(h)))
  end)

  it("counts no node before its place in the set is agreed and on the disks of a majority", function()
    local h = started(1, 3)
    for node = 2, 3 do h.sim:keep_fails(node, true) end
    h:join()
    h:run(WAIT + 5000)
    assert.same({ 3, 2 }, { #h.sim:members(1), select(2, h.sim:members(1)) })
    assert.equal(40, (running(h)))
    h.sim:keep_fails(2, false)
    h:run(5000)
    assert.same({ "n1 n2 n3 n4", 3 }, { agreed(h) })
  end)

  it("does not grow on the smaller side of a split", function()
    for seed = 1, 10 do
      local h = started(seed, 5)
      h:split(500, { 4, 5 })
      for _ = 1, 6 do h:join() end -- on either side, by the seed
      h:run(60000)
      local large, small = #h.sim:members(1), #h.sim:members(5)
      assert.is_true(large >= 5 and small == 5, ("seed %d: %d, %d"):format(seed, large, small))
      assert.equal(40, (running(h)), "seed " .. seed .. ": " .. states(h))
      h:heal(500)
      h:run(60000)
      assert.same({ 11, 6 }, { #h.sim:members(5), select(2, h.sim:members(5)) })
      assert.equal(40, (running(h)), "seed " .. seed .. ": " .. states(h))
      never_twice(h, "seed " .. seed)
    end
  end)

  it("of a set of one node gives way to another one's; larger ones stay apart", function()
    local h = founded(1, 1)
    h:split(100, {}) -- who joins is on either side, by the seed
    local others = 0
    while others < 2 do
      h:join()
      if h.sim:across(h.nodes) then others = others + 1 end
    end
    h:run(20000)
    local first = #h.sim:members(1)
    h:heal(500)
    h:run(20000)
    if first == 1 then
      assert.equal(h.nodes, #h.sim:members(1))
      assert.same({ h.nodes // 2 + 1 }, { select(2, agreed(h)) })
    else
      assert.equal(first, #h.sim:members(1))
    end
  end)

  it("holds over histories of nodes that join in a split, and that start anew apart from the others", function()
    for seed = 1, 10 do assert.same({}, (require("spec.hub.sets")(seed)), "seed " .. seed) end
  end)

  it("forgets a member for good when it is told to, by a majority and for the dead only", function()
    local h = started(1, 3)
    local function told(node, name)
      local caller = h.sim:forget(node, name)
      for _ = 1, 250 do
        h.sim:run(100)
        for _, reply in ipairs(h.sim:replies()) do
          if reply.caller == caller then return reply.result or reply.code end
        end
      end
    end
    assert.equal("alive", told(1, "n3"))
    assert.equal("not_found", told(1, "n9"))
    h.sim:crash(3)
    h.sim:run(WAIT)
    assert.is_true(told(2, "n3"))
    assert.same({ "n1 n2", 2 }, { agreed(h) })
    h.sim:crash(2)
    h.sim:run(WAIT)
    assert.equal("no_quorum", told(1, "n2"))
  end)

  it("is begun anew by an operator, whose set goes before all others", function()
    local h = started(1, 3)
    for node = 2, 3 do h.sim:crash(node) end
    h:run(2 * WAIT)
    assert.equal("partitioned down down", states(h))
    h.sim:reset_quorum(1)
    h:run(1)
    h.sim:run(2 * WAIT)
    assert.same({ "n1", 1 }, { agreed(h) })
    assert.equal(40, (running(h)))
    h.sim:restart(2)
    h.sim:run(2 * WAIT)
    assert.same({ "n1 n2", 2 }, { agreed(h) })
    never_twice(h)
  end)

  it("holds over histories of splits, stalls, joins, restarts, starts and stops", function()
    for seed = 1, 60 do assert.same({}, (quorums(seed, "majority")), "seed " .. seed) end
  end)

  -- The order was in the ledger of a node that had died before this side had a quorum again.
  it("runs nothing again, after a loss of it, that was stopped by order meanwhile (S2)", function()
    assert.same({}, (quorums(677, "majority")))
  end)
end)

describe("a dynamic quorum", function()
  it("of 80 per cent goes on while ten nodes lose two, and not three (T-012)", function()
    local h = history.new(1, 6, { quorum = { "dynamic", 6, 0, 80, 3600000 } })
    h:start(1, 1, 40)
    for _ = 1, 4 do h:join() end
    h:run(3000)
    assert.same({ 8 }, { select(2, agreed(h)) })
    for node = 10, 9, -1 do
      h.sim:crash(node)
      h:run(WAIT + 3000)
      assert.equal("free", h.sim:state(1))
      assert.equal(40, (running(h)))
    end
    h.sim:crash(8)
    h:run(WAIT + 3000)
    assert.equal("partitioned", h.sim:state(1))
    assert.equal(0, (running(h)))
    never_twice(h)
  end)

  it("takes out who is gone for long, one after the other, but for the last two", function()
    for seed = 1, 5 do
      local h = history.new(seed, 6, { quorum = { "dynamic", 6, 0, 60, 15000 } })
      h:start(1, 1, 40)
      h:run(3000)
      for node = 6, 3, -1 do
        h.sim:crash(node)
        h:run(40000)
        assert.equal(node - 1, #h.sim:members(1), "seed " .. seed)
        assert.equal(40, (running(h)))
      end
      h.sim:crash(2)
      h:run(60000)
      assert.equal(2, #h.sim:members(1))
      assert.equal("partitioned", h.sim:state(1))
      h.sim:restart(5)
      h.sim:restart(2)
      h:run(2 * WAIT + 10000)
      assert.same({ "n1 n2 n5", 2 }, { agreed(h) })
      never_twice(h, "seed " .. seed)
    end
  end)

  it("keeps a set that is too small for its share as it is, on both sides of a split", function()
    for seed = 1, 5 do
      local h = history.new(seed, 4, { quorum = { "dynamic", 4, 0, 51, 12000 } })
      h:start(1, 1, 40)
      h:run(3000)
      h:split(500, { 1, 2 })
      h:run(60000)
      assert.equal(0, (running(h)))
      assert.same({ 4, 4 }, { #h.sim:members(1), #h.sim:members(3) })
      h:heal(500)
      h:run(30000)
      assert.equal(40, (running(h)))
      never_twice(h, "seed " .. seed)
    end
  end)

  it("holds over histories of splits, stalls, joins, restarts, starts and stops", function()
    for seed = 1, 30 do assert.same({}, (quorums(seed, "dynamic")), "seed " .. seed) end
  end)
end)
