local script = require "luahub_test.script"
local ordered_pairs, ordered_next = script.ordered()

local function keys_by_pairs(t)
  local keys = {}
  for key, value in ordered_pairs(t) do
    assert.equal(t[key], value)
    keys[#keys + 1] = key
  end
  return keys
end

local function keys_by_next(t)
  local keys = {}
  local key, value = ordered_next(t)
  while key ~= nil do
    assert.equal(t[key], value)
    keys[#keys + 1] = key
    key, value = ordered_next(t, key)
  end
  return keys
end

describe("ordered pairs and next", function()
  it("visit booleans, numbers, pids and strings in a fixed order", function()
    local pid, later = script.pid("n1", 1, 1, 1), script.pid("n1", 1, 2, 1)
    local expected = {
      false, true, -math.huge, math.mininteger, -2, -1.5, 0, 1, 1.5, 2, math.maxinteger, 2.0 ^ 63, math.huge,
      pid, later, "", "A", "a", "aa", "b", "\255",
    }
    local t = {}
    for i = #expected, 1, -1 do t[expected[i]] = i end
    assert.same(expected, keys_by_pairs(t))
    assert.same(expected, keys_by_next(t))
  end)

  it("visit what pairs visits", function()
    for seed = 1, 50 do
      math.randomseed(seed)
      local t, count = {}, 0
      for _ = 1, math.random(0, 60) do
        local key = math.random(3) == 1 and "k" .. math.random(50) or math.random(-30, 30)
        if t[key] == nil then count = count + 1 end
        t[key] = math.random(100)
      end
      assert.equal(count, #keys_by_pairs(t), "seed " .. seed)
      assert.same(keys_by_pairs(t), keys_by_next(t), "seed " .. seed)
    end
  end)

  it("go on when fields are cleared or changed on the way", function()
    local t, seen = { a = 1, b = 2, c = 3, d = 4 }, {}
    for key in ordered_pairs(t) do
      seen[#seen + 1] = key
      t[key] = nil
      t.c = nil
    end
    assert.same({ "a", "b", "d" }, seen)
    assert.is_nil(ordered_next(t))
    t, seen = { a = 1, b = 2, c = 3 }, {}
    local key = ordered_next(t)
    while key do
      seen[#seen + 1] = key
      t[key] = nil
      key = ordered_next(t, key)
    end
    assert.same({ "a", "b", "c" }, seen)
  end)

  it("keep several loops apart", function()
    local one, two, seen = { a = 1, b = 2 }, { x = 1, y = 2 }, {}
    local key = ordered_next(one)
    while key do
      local other = ordered_next(two)
      while other do
        seen[#seen + 1] = key .. other
        other = ordered_next(two, other)
      end
      key = ordered_next(one, key)
    end
    assert.same({ "ax", "ay", "bx", "by" }, seen)
  end)

  it("honour __pairs", function()
    local function once(self, key) if not key then return 1, self end end
    local t = setmetatable({}, { __pairs = function(self) return once, self, nil end })
    local seen = {}
    for key, value in ordered_pairs(t) do seen[key] = value end
    assert.same({ t }, seen)
  end)

  it("refuse keys that have no order, by their type", function()
    for _, key in ipairs { {}, print, io.stdout, coroutine.create(print) } do
      local text = "a " .. type(key) .. " as a table key has no fixed order"
      assert.error_matches(function() ordered_pairs { [key] = 1 } end, text)
      assert.error_matches(function() ordered_next { [key] = 1 } end, "no fixed order")
    end
    assert.error(function() ordered_pairs(nil) end)
    assert.error(function() ordered_next(1) end)
  end)

  it("wait inside __pairs and loops of an actor", function()
    local state = assert(script.open {})
    local how, turns, log = state:run([[
      local core = require "luahub.core"
      local pairs = core.ordered()
      local t = setmetatable({}, { __pairs = function() core.wait() return next, { x = core.wait() }, nil end })
      local log = {}
      for key, value in pairs(t) do log[#log + 1] = key .. value end
      for key in pairs { b = 1, a = 2 } do log[#log + 1] = key .. core.wait() end
      return log]], 3)
    assert.same({ "done", 4, { "x2", "a3", "b4" } }, { how, turns.waits, log })
    state:close()
  end)
end)
