-- Rollback over its deadline: what a call that was given up began, or begins later, is taken back (L-26).
local history = require("spec.hub.history")

local CHILDREN = 20

local function running(h)
  local count = 0
  for _ in pairs(h.sim:truth()) do count = count + 1 end
  return count
end

local function context(h, answer)
  return ("seed %d: %s, rollback %s"):format(h.seed, answer.result.status, tostring(answer.result.rollback))
end

-- All of them run, or none; and the answer says which.
local function check(h, call)
  assert.same({}, h:rest(), "seed " .. h.seed)
  local answer = assert(h:answer(call), "seed " .. h.seed .. ": no answer")
  local failed = answer.result.status == "error"
  assert.equal(failed, answer.result.rollback, context(h, answer))
  assert.equal(failed and 0 or CHILDREN, running(h), context(h, answer))
  return failed
end

describe("a start that is to be rolled back (L-26)", function()
  it("leaves nothing behind when its deadline passes while it is under way", function()
    local failed = 0
    for seed = 1, 300 do
      local h = history.new(seed, 2 + seed % 4)
      if check(h, h:start(1, 1, CHILDREN, { rollback = true, timeout = h:draw(60) })) then failed = failed + 1 end
    end
    assert.is_true(failed > 50 and failed < 300, failed .. " failed")
  end)

  it("leaves nothing behind on a node that could not be reached, or that went on without its asker", function()
    for seed = 1, 150 do
      local h = history.new(seed, 3 + seed % 3)
      local call = h:start(1, 1, CHILDREN, { rollback = true, timeout = 100 + h:draw(3000) })
      h:run(h:draw(10))
      h:split(h:draw(20000), { 2 + seed % 2 })
      h:run(h:draw(20000))
      h:heal(1000)
      check(h, call)
    end
  end)

  it("leaves a child that another call had started", function()
    for seed = 1, 100 do
      local h = history.new(seed, 3)
      h:start(2, 1, 5)
      h:run(2000)
      local call = h:start(1, 1, CHILDREN, { rollback = true, check_existing = false, timeout = h:draw(40) })
      assert.same({}, h:rest(), "seed " .. seed)
      assert.is_true(h:answer(call).result.rollback, "seed " .. seed)
      assert.equal(5, running(h), "seed " .. seed)
    end
  end)

  it("can be started again at once", function()
    for seed = 1, 100 do
      local h = history.new(seed, 3)
      h:start(1, 1, CHILDREN, { rollback = true, timeout = 2 })
      h:run(50 + h:draw(200))
      local again = h:start(2, 1, CHILDREN, { check_existing = false })
      assert.same({}, h:rest(), "seed " .. seed)
      for _, err in ipairs(h:answer(again).result.errors) do
        assert.equal("already_started", err.code, "seed " .. seed)
      end
    end
  end)
end)
