-- Acknowledgement: an awaited start is answered when so many other members than the host hold the row.
local history = require("spec.hub.history")

local CHILDREN = 10

-- A start on n1, of children that n1 hosts; time passes until it is answered, by milliseconds.
local function answered(h, options)
  options.node, options.given = "n1", true
  local call = h:start(1, 1, CHILDREN, options)
  for _ = 1, 400 do
    if h:answer(call) then break end
    h:run(1)
  end
  return h:answer(call)
end

local function known(h, node) return #h.sim:rows(node) end

local function running(h)
  local count = 0
  for _ in pairs(h.sim:truth()) do count = count + 1 end
  return count
end

-- Nothing that it sent and that has not come yet comes any more.
local function lose_host(h)
  h:split(60000, { 1 })
  h.sim:crash(1, 500)
  h:run(100)
  h:heal(100)
end

describe("an awaited start", function()
  it("is kept when its host dies right after the answer", function()
    for seed = 1, 60 do
      local h = history.new(seed, 2 + seed % 4)
      assert.equal("ok", answered(h, {}).result.status, "seed " .. seed)
      lose_host(h)
      assert.same({}, h:rest(), "seed " .. seed)
      assert.equal(CHILDREN, running(h), "seed " .. seed)
    end
  end)

  it("may be lost in the same way when nobody was asked to acknowledge it", function()
    local lost = 0
    for seed = 1, 60 do
      local h = history.new(seed, 2 + seed % 4)
      assert.equal("ok", answered(h, { ack = "none" }).result.status, "seed " .. seed)
      lose_host(h)
      h:run(15000)
      lost = lost + CHILDREN - running(h)
    end
    assert.is_true(lost > 0)
  end)

  it("is known to as many as its level says when it is answered", function()
    for _, level in ipairs { { "one", 1 }, { "majority", 2 }, { "all", 4 } } do
      for seed = 1, 20 do
        local h = history.new(seed, 5)
        assert.equal("ok", answered(h, { ack = level[1] }).result.status, "seed " .. seed)
        local count = 0
        for node = 2, 5 do count = count + (known(h, node) == CHILDREN and 1 or 0) end
        assert.is_true(count >= level[2], ("seed %d: %s, and %d know"):format(seed, level[1], count))
      end
    end
  end)

  it("that runs elsewhere waits for the others, too", function()
    for seed = 1, 20 do
      local h = history.new(seed, 4)
      local call = h:start(1, 1, 40, { ack = "all" })
      for _ = 1, 400 do
        if h:answer(call) then break end
        h:run(1)
      end
      assert.equal("ok", h:answer(call).result.status, "seed " .. seed)
      for node = 1, 4 do assert.equal(40, known(h, node), "seed " .. seed) end
    end
  end)

  it("is answered at once by a node that is alone", function()
    local h = history.new(1, 1)
    assert.equal("ok", answered(h, { ack = "all" }).result.status)
  end)

  it("does not wait for members that die meanwhile", function()
    for seed = 1, 20 do
      local h = history.new(seed, 3)
      h.sim:crash(2, 2000)
      h.sim:crash(3, 2000)
      local call = h:start(1, 1, CHILDREN, { ack = "all", node = "n1", given = true })
      h:run(6000)
      assert.equal("ok", h:answer(call).result.status, "seed " .. seed)
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)

  it("says at its deadline that it runs and too few know, and the child goes on", function()
    local h = history.new(1, 3)
    h:split(60000, { 2, 3 })
    local call = h:start(1, 1, CHILDREN, { timeout = 1000, node = "n1", given = true })
    h:run(1500)
    local result = h:answer(call).result
    assert.equal("error", result.status)
    assert.equal(CHILDREN, #result.errors)
    for _, err in ipairs(result.errors) do
      assert.equal("timeout", err.code)
      assert.matches("^it runs, but too few members", err.message)
    end
    assert.equal(CHILDREN, known(h, 1))
  end)

  it("refuses a level that there is not", function()
    local h = history.new(1, 1)
    assert.equal("invalid", answered(h, { ack = "two" }).code)
  end)
end)
