-- How fast children move, and whether they do, in simulated time.
local history = require("spec.hub.history")

local CHILDREN = 100

local function started(seed, options)
  local h = history.new(seed, 0, { hot = true })
  h.sim:set_budget(table.unpack(options.budget or { 0, 0 }))
  for _ = 1, options.nodes or 1 do h:join() end
  h:run(3000)
  h:start(1, 1, CHILDREN)
  h:run(3000)
  h.sim:set_state()
  return h
end

local function on(h, node)
  local count = 0
  for _, nodes in pairs(h.sim:truth()) do
    if #nodes == 1 and nodes[1] == node then count = count + 1 end
  end
  return count
end

local function belong(h, node)
  local count = 0
  for i = 1, CHILDREN do
    if h.sim:home("c" .. i) == node then count = count + 1 end
  end
  return count
end

--- The most that came within a second, once the first second's are there, and in how many seconds all did.
local function watched(h, node, seconds)
  local last, most, took = 0, 0, nil
  for second = 1, seconds do
    h:run(1000)
    local now = on(h, node)
    if second > 2 then most = math.max(most, now - last) end
    if now == belong(h, node) then took = took or second end
    last = now
  end
  return most, took
end

local function states_kept(h)
  local truth = h.sim:truth()
  for i = 1, CHILDREN do assert.equal(i, truth["c" .. i].state, "c" .. i) end
end

describe("a budget of moves", function()
  it("lets so many children go each second, and all in the end", function()
    local h = started(1, { budget = { 5, 0 } })
    h:join()
    local most, took = watched(h, "n2", 30)
    assert.is_true(most <= 6, tostring(most))
    assert.is_true(took >= (belong(h, "n2") - 10) // 6)
    states_kept(h)
  end)

  it("counts the bytes of their states, of which one may go beyond it", function()
    local h = started(2, { budget = { 0, 4 } }) -- a state is one byte, or two
    h:join()
    local most, took = watched(h, "n2", 60)
    assert.is_true(most <= 8, tostring(most))
    assert.is_true(took > 5)
    states_kept(h)
  end)

  it("does not hold the children of the dead, nor those of a node that leaves", function()
    local h = started(3, { budget = { 1, 1 }, nodes = 2 })
    h.sim:crash(2)
    h:run(4000)
    assert.equal(CHILDREN, on(h, "n1"))
    h:join()
    h:run(3000)
    local here = on(h, "n1")
    assert.is_true(here > CHILDREN // 2)
    h.sim:leave(1)
    h:run(4000)
    assert.equal(CHILDREN, on(h, "n3"))
  end)

  it("holds a drain until its deadline", function()
    local h = started(4, { budget = { 2, 0 }, nodes = 2 })
    local here = on(h, "n1")
    h.sim:drain(1, 10000)
    h.sim:run(9000)
    assert.is_true(on(h, "n1") > 0)
    assert.is_true(on(h, "n1") < here)
    h.sim:run(6000)
    assert.equal(CHILDREN, on(h, "n2"))
  end)
end)

describe("moves that are paused", function()
  it("begin when they are resumed; what is ordered, dead or leaves goes meanwhile", function()
    local h = started(5, { nodes = 2 })
    h.sim:pause(1, true)
    h.sim:pause(2, true)
    local one, two = on(h, "n1"), on(h, "n2")
    h:join()
    h:run(10000)
    assert.same({ one, two, 0 }, { on(h, "n1"), on(h, "n2"), on(h, "n3") })
    local id
    for i = 1, CHILDREN do
      if h.sim:truth()["c" .. i][1] == "n1" then id = "c" .. i end
    end
    assert.equal(0, h.sim:move(1, id, "n3"))
    h:run(1000)
    assert.equal("n3", h.sim:truth()[id][1])
    h.sim:crash(2)
    h:run(4000)
    assert.equal(0, on(h, "n2"))
    assert.equal(CHILDREN, on(h, "n1") + on(h, "n3"))
    h.sim:pause(1, false)
    h:run(3000)
    local pinned = h.sim:home(id) == "n3" and 0 or 1
    assert.equal(belong(h, "n3") + pinned, on(h, "n3"))
    assert.is_false((h.sim:moves(1)))
  end)

  it("that wait for their turn are put back, and those on their way end", function()
    local h = started(6, { budget = { 2, 0 } })
    h:join()
    h:run(4000)
    local _, _, waiting = h.sim:moves(1)
    assert.is_true(waiting > 0)
    h.sim:pause(1, true)
    local paused, _, left = h.sim:moves(1)
    assert.same({ true, 0 }, { paused, left })
    h:run(1000)
    local there = on(h, "n2")
    h:run(10000)
    assert.equal(there, on(h, "n2"))
    h.sim:pause(1, false)
    h:run(60000)
    assert.equal(belong(h, "n2"), on(h, "n2"))
    states_kept(h)
  end)
end)
