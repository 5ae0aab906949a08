-- Splits and heals: each side goes on, and when they meet they are one hub again; what was stopped on either side, and
-- was answered, does not run.
local history = require("spec.hub.history")
local splits = require("spec.hub.splits")

local function live_through(seed, count, options)
  local wrong, h = splits(seed, count, options)
  assert.same({}, wrong, "seed " .. seed)
  return h
end

--- The stop orders that some node still keeps.
local function orders_left(h)
  local left = {}
  for _, node in ipairs(h:up()) do
    for _, order in ipairs(h.sim:orders(node)) do left[#left + 1] = ("n%d keeps %s"):format(node, order) end
  end
  return left
end

describe("a split hub", function()
  for _, hot in ipairs { false, true } do
    local how = hot and "hot" or "cold"
    it("keeps what each side started and does not run what each side stopped, " .. how, function()
      for seed = 1, 100 do live_through(seed, 2 + seed % 5, { hot = hot }) end
    end)

    it("(E4) is split again and again, also before it came to rest, " .. how, function()
      for seed = 1, 40 do
        local h = live_through(seed, 3 + seed % 4, { hot = hot, times = 3, after = 4, rest = 150000 })
        assert.same({}, orders_left(h), "seed " .. seed)
      end
    end)
  end

  it("loses nothing that only one of those knew who meet again (a history that once showed it)", function()
    live_through(2797, 2 + 2797 % 5, { times = 2, rest = 150000 })
  end)

  it("recovers on each side what ran on the other, and keeps the later instance (case 63, L15, L16)", function()
    for seed = 1, 20 do
      local h = history.new(seed, 4)
      h:start(1, 1, 40)
      h:run(2000)
      h:split(1000, { 3, 4 })
      h:run(10000)
      local highest = {}
      for id, nodes in pairs(h.sim:truth()) do assert.equal(2, #nodes, "seed " .. seed .. ": " .. id) end
      for _, node in ipairs { 1, 3 } do
        for _, row in ipairs(h.sim:rows(node)) do
          local id, generation = row:match("^(.-)@.-/(%d+)/")
          highest[id] = math.max(highest[id] or 0, tonumber(generation))
        end
      end
      h:heal(500)
      assert.same({}, h:rest(), "seed " .. seed)
      for _, row in ipairs(h.sim:rows(1)) do
        local id, generation = row:match("^(.-)@.-/(%d+)/")
        assert.is_true(tonumber(generation) >= highest[id], "seed " .. seed .. ": " .. row)
      end
    end
  end)
end)

--- The generation that c1 was started with, by the own rows of each node that runs it.
local function names_of(h, nodes)
  local names = {}
  for _, node in ipairs(nodes) do
    for _, row in ipairs(h.sim:rows(node)) do
      local id, host, born = row:match("^(.-)@(.-)/.*/(%d+)$")
      if id == "c1" and host == "n" .. node then names[#names + 1] = born end
    end
  end
  return names
end

describe("a start that two nodes carry out, since the answer of the first one was lost,", function()
  -- Who c1 belongs to is cut off as soon as it runs there; whoever wants it started asks another one.
  local function carried_out_twice(seed)
    local h = history.new(seed, 3)
    local host = math.tointeger(h.sim:home("c1"):match("%d+"))
    h.sim:start(host % 3 + 1, 1, 1)
    for _ = 1, 200 do
      if h.sim:truth().c1 then break end
      h.sim:run(1)
    end
    h:split(500, { host })
    h.sim:start((host + 1) % 3 + 1, 2, 9)
    h.sim:run(5000)
    return h, host
  end

  it("is one start: a stop on one side of a split ends it on both", function()
    local seen = 0
    for seed = 1, 40 do
      local h, host = carried_out_twice(seed)
      local names = names_of(h, { 1, 2, 3 })
      if #names == 2 then
        seen = seen + 1
        assert.equal(names[1], names[2], "seed " .. seed)
        h.sim:stop(host, 1, 1)
        h.sim:run(1000)
        h:heal(500)
        h.sim:run(30000)
        assert.is_nil(h.sim:truth().c1, "seed " .. seed)
      end
    end
    assert.is_true(seen > 5, "only " .. seen .. " histories showed it")
  end)
end)

describe("a stop", function()
  --- Four nodes with forty children, of which some run on n4.
  local function started(seed)
    local h = history.new(seed, 4)
    h:start(1, 1, 40)
    h:run(2000)
    return h
  end

  local function result(h, call)
    local answer = h:answer(call)
    return answer and answer.result or { status = "not answered", ids = {}, ordered = {}, errors = {} }
  end

  it("of what is across a split is done at once by an order, and can be started anew (case 64, E12)", function()
    for seed = 1, 20 do
      local h = started(seed)
      h:split(1000, { 4 })
      h:run(500)
      local stop = h:stop(1, 1, 40)
      h:run(1500)
      assert.equal("ok", result(h, stop).status, "seed " .. seed)
      assert.equal(40, #result(h, stop).ids, "seed " .. seed)
      for node = 1, 3 do assert.same({}, h.sim:rows(node), "seed " .. seed) end
      local start = h:start(2, 1, 20)
      h:run(2000)
      assert.equal("ok", result(h, start).status, "seed " .. seed)
      h:run(10000)
      h:heal(500)
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)

  it("of a dead node's children is done before they were recovered, and nobody recovers them", function()
    for seed = 1, 20 do
      local h = started(seed)
      h.sim:crash(4, 100)
      h:run(100)
      local stop = h:stop(1, 1, 40)
      h:run(1000)
      assert.equal("ok", result(h, stop).status, "seed " .. seed)
      assert.same({}, h:rest(), "seed " .. seed)
      assert.same({}, h.sim:truth(), "seed " .. seed)
    end
  end)

  it("stays in force when its author dies, and the next one", function()
    for seed = 1, 20 do
      local h = started(seed)
      h:split(500, { 4 })
      h:run(8000)
      local stop = h:stop(1, 1, 40)
      h:run(1000)
      assert.equal("ok", result(h, stop).status, "seed " .. seed)
      for author = 1, 2 do
        h.sim:crash(author)
        h:run(5000)
      end
      h:heal(500)
      assert.same({}, h:rest(), "seed " .. seed)
      assert.same({}, h.sim:truth(), "seed " .. seed)
    end
  end)

  it("that is not answered in time holds all the same", function()
    local late = 0
    for seed = 1, 20 do
      local h = started(seed)
      h.sim:stall(4, 8000, 20000)
      local stop = h:stop(1, 1, 40, { timeout = 1000 })
      h:run(2000)
      for _, err in ipairs(result(h, stop).errors) do
        assert.equal("timeout", err.code, "seed " .. seed)
        late = late + 1
      end
      h:run(20000)
      assert.same({}, h.sim:truth(), "seed " .. seed)
      assert.same({}, h:rest(), "seed " .. seed)
    end
    assert.is_true(late > 0)
  end)

  it("leaves orders only for children that somebody who is away can know (case 65)", function()
    local h = started(1)
    h.sim:crash(4)
    h:run(5000)
    h:stop(1, 1, 20)
    h:run(1000)
    assert.equal(20, #h.sim:orders(1))
    h:start(1, 41, 60)
    h:run(1000)
    h:stop(2, 41, 60)
    h:run(1000)
    assert.equal(20, #h.sim:orders(1))
    h:run(24 * 3600 * 1000)
    assert.equal(0, #h.sim:orders(1))
    assert.same({}, h:rest())
  end)
end)
