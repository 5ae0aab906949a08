-- Children that are asked before they are moved, in simulated time. The numbers are those of the scenarios of consent
-- and drain that ProcessHub's later versions describe.
local history = require("spec.hub.history")

local TIMEOUT, RETRY, LIMIT = 5000, 10000, 60000

local function where(h, id)
  local nodes = h.sim:truth()["c" .. id] or {}
  return table.concat(nodes, "+")
end

local function figure(h, name) return h.sim:figures()[name] end

--- Two nodes with forty children, a third that may join, and those of node 1 that would then go to it.
local function started(seed, options)
  options = options or {}
  local h = history.new(seed, 0, { hot = options.hot ~= false })
  h.sim:set_consent(table.unpack(options.consent or { TIMEOUT, RETRY, LIMIT }))
  for _ = 1, options.nodes or 1 do h:join() end
  h:run(3000)
  h:start(1, 1, 40)
  h:run(3000)
  h.sim:set_state()
  return h
end

--- A node joins; answers the ids of the children that belong there.
local function join(h, ms)
  local name = "n" .. h:join()
  h:run(ms or 3000)
  local movers = {}
  for i = 1, 40 do
    if h.sim:home("c" .. i) == name then movers[#movers + 1] = i end
  end
  assert(#movers > 5)
  return name, movers
end

local function answer_all(h, word)
  for i = 1, 40 do h.sim:answer("c" .. i, word) end
end

local function assert_all(h, ids, node)
  for _, id in ipairs(ids) do assert.equal(node, where(h, id), "c" .. id) end
end

local function state_of(h, id) return h.sim:truth()["c" .. id].state end

describe("a hub that asks nobody", function()
  it("moves its children unasked (H1)", function()
    local h = started(1, { consent = { 0, 0, 0 } })
    answer_all(h, "defer")
    local name, movers = join(h)
    assert_all(h, movers, name)
    assert.equal(0, figure(h, "asked"))
  end)
end)

for _, hot in ipairs({ true, false }) do
  describe(hot and "T-420: a hub that asks and hands over" or "T-420: a hub that asks and swaps cold", function()
    it("moves at once who is ready, and who takes no part (H2, H3, H15)", function()
      for seed = 1, 5 do
        local h = started(seed, { hot = hot })
        for i = 1, 40, 2 do h.sim:answer("c" .. i, "no part") end
        local name, movers = join(h)
        assert_all(h, movers, name)
        assert.equal(#movers, figure(h, "asked"))
        assert.equal(0, figure(h, "put_off"))
        for _, id in ipairs(movers) do assert.equal(hot and id or 0, state_of(h, id)) end
        assert.equal(0, figure(h, "twice"))
      end
    end)

    it("leaves where it is who puts it off or is silent, and tells of each once (H4, H5, H6)", function()
      local h = started(2, { hot = hot })
      answer_all(h, "silent")
      for i = 1, 40, 2 do h.sim:answer("c" .. i, "defer") end
      local _, movers = join(h, 1000)
      assert_all(h, movers, "n1")
      local quick = 0
      for _, id in ipairs(movers) do quick = quick + id % 2 end
      assert.equal(quick, figure(h, "put_off"))
      h:run(TIMEOUT)
      assert.equal(#movers, figure(h, "put_off"))
      assert.equal(#movers, figure(h, "asked"))
      h:join()
      h:run(2000)
      local more = 0
      for i = 1, 40 do
        if h.sim:home("c" .. i) == "n3" and where(h, i) == "n1" then more = more + 1 end
      end
      assert.is_true(more > 0)
      assert.is_true(figure(h, "asked") <= #movers + more)
      assert_all(h, movers, "n1")
    end)

    it("asks again, and moves who is ready then to where it belongs then (H7)", function()
      local h = started(3, { hot = hot })
      answer_all(h, "defer")
      local _, movers = join(h)
      local last = "n" .. h:join()
      answer_all(h, "ready")
      h:run(2000)
      assert_all(h, movers, "n1")
      h:run(RETRY)
      local there = 0
      for _, id in ipairs(movers) do
        assert.equal(h.sim:home("c" .. id), where(h, id))
        if where(h, id) == last then there = there + 1 end
      end
      assert.is_true(there > 0)
    end)

    it("moves at the limit who still puts it off, by its word or by silence (H11)", function()
      local h = started(4, { hot = hot, consent = { 1000, 3000, 10000 } })
      answer_all(h, "silent")
      for i = 1, 40, 2 do h.sim:answer("c" .. i, "defer") end
      local name, movers = join(h, 9000)
      assert_all(h, movers, "n1")
      h:run(4000)
      assert_all(h, movers, name)
      if hot then for _, id in ipairs(movers) do assert.equal(id, state_of(h, id)) end end
    end)

    it("moves at once who says by itself that it is ready, and knows nothing of others (H12)", function()
      local h = started(5, { hot = hot })
      answer_all(h, "defer")
      local name, movers = join(h)
      local stays
      for i = 1, 40 do
        if h.sim:home("c" .. i) == "n1" then stays = i end
      end
      assert.equal(-1, h.sim:ready(1, "c" .. stays))
      assert.is_true(h.sim:ready(1, "none") < 0)
      assert.equal(0, h.sim:ready(1, "c" .. movers[1]))
      h:run(500)
      assert.equal(name, where(h, movers[1]))
      assert.equal("n1", where(h, movers[2]))
      assert.equal("n1", where(h, stays))
    end)
  end)
end

describe("T-420: a child that put its move off", function()
  it("is forgotten when it ends, and when it belongs here again (H8, H9)", function()
    local h = started(6)
    answer_all(h, "defer")
    local _, movers = join(h)
    h.sim:end_child("c" .. movers[1], true)
    h:run(3000)
    assert.is_true(h.sim:ready(1, "c" .. movers[1]) < 0 or where(h, movers[1]) ~= "n1")
    h.sim:crash(2)
    h:run(5000)
    local asked = figure(h, "asked")
    for _, id in ipairs(movers) do
      assert.equal("n1", where(h, id))
      assert.equal(-1, h.sim:ready(1, "c" .. id))
    end
    h:run(3 * RETRY)
    assert.equal(asked, figure(h, "asked"))
  end)

  it("is moved by hand without a question, and is not asked any more (J7)", function()
    local h = started(7, { nodes = 2 })
    answer_all(h, "defer")
    local _, movers = join(h)
    local id
    for _, i in ipairs(movers) do id = where(h, i) == "n1" and i or id end
    local asked = figure(h, "asked")
    assert.equal(0, h.sim:move(1, "c" .. id, "n2"))
    h:run(1000)
    assert.equal("n2", where(h, id))
    assert.equal(asked, figure(h, "asked"))
    h:run(1000)
    assert.equal("n2", where(h, id))
  end)

  it("goes with its node that leaves, unasked", function()
    local h = started(8, { nodes = 2 })
    answer_all(h, "defer")
    h.sim:leave(1)
    h:run(5000)
    for i = 1, 40 do
      assert.equal("n2", where(h, i))
      assert.equal(i, state_of(h, i))
    end
    assert.equal(0, figure(h, "asked"))
  end)
end)

describe("T-420, T-421: a drain of a hub that asks", function()
  local function drained(h, caller)
    for _, reply in ipairs(h.sim:replies()) do
      if reply.caller == caller then return reply.result end
    end
  end

  it("moves the others at once, and at its deadline those that put it off, with their state (I6, I7)", function()
    local h = started(9, { nodes = 2 })
    local late, here
    for i = 1, 40 do
      if where(h, i) == "n1" then late, here = i, (here or 0) + 1 end
    end
    h.sim:answer("c" .. late, "defer")
    local caller = h.sim:drain(1, 20000)
    h.sim:run(3000)
    for i = 1, 40 do assert.equal(i == late and "n1" or "n2", where(h, i)) end
    assert.is_nil(drained(h, caller))
    h.sim:run(14000)
    assert.equal("n1", where(h, late))
    h.sim:run(4000)
    assert.same({ moved = here - 1, forced = 1, failed = {} }, drained(h, caller))
    assert.equal("n2", where(h, late))
    assert.equal(late, state_of(h, late))
  end)

  it("ends before its deadline once all are ready", function()
    local h = started(10, { nodes = 2 })
    answer_all(h, "defer")
    local caller = h.sim:drain(1, 60000)
    h.sim:run(3000)
    assert.is_nil(drained(h, caller))
    answer_all(h, "ready")
    h.sim:run(RETRY)
    local result = drained(h, caller)
    assert.same({ 0, 0 }, { result.forced, #result.failed })
  end)
end)

describe("many histories of hubs that ask", function()
  it("lose no child and run none twice, whatever its children answer", function()
    for seed = 1, 15 do
      local h = started(100 + seed, { nodes = 3, hot = seed % 2 == 0, consent = { 500, 1000, 4000 } })
      local words = { "ready", "defer", "silent", "no part" }
      for i = 1, 40 do h.sim:answer("c" .. i, words[h:draw(4)]) end
      h:join()
      h:run(h:draw(2000))
      h.sim:crash(h:draw(3))
      h:run(h:draw(2000))
      h:join()
      h:run(40000)
      for i = 1, 40 do
        assert.equal(h.sim:home("c" .. i), where(h, i), ("seed %d: c%d"):format(seed, i))
      end
      assert.is_nil(h.sim:violation())
    end
  end)
end)
