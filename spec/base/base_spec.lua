-- The containers that everything else stands on, held against plain Lua tables.
local base = require "luahub_test.base"

describe("map", function()
  it("finds what was put, under keys of any bytes", function()
    local map = base.map()
    assert.is_nil(map:get "a")
    assert.is_nil(map:remove "a")
    for n, key in ipairs { "a", "", "a\0b", "a\0", ("long"):rep(100) } do assert.is_nil(map:put(key, n)) end
    assert.equal(3, map:get "a\0b")
    assert.equal(2, map:get "")
    assert.equal(1, map:put("a", 9))
    assert.equal(9, map:get "a")
    assert.equal(9, map:remove "a")
    assert.is_nil(map:get "a")
  end)

  it("is walked in the order of insertion, a removal moving the last entry into the hole", function()
    local map = base.map()
    for n, key in ipairs { "d", "b", "a", "c" } do map:put(key, n) end
    map:put("b", 7)
    assert.same({ "d", "b", "a", "c" }, map:keys())
    map:remove "b"
    assert.same({ "d", "c", "a" }, map:keys())
    map:remove "a"
    map:put("b", 1)
    assert.same({ "d", "c", "b" }, map:keys())
  end)

  it("agrees with a table over any history", function()
    for seed = 1, 10 do
      math.randomseed(seed)
      local map, model = base.map(), {}
      for step = 1, 3000 do
        local key = tostring(math.random(300))
        local where = ("seed %d step %d"):format(seed, step)
        if math.random(3) == 1 then
          assert.equal(model[key], map:remove(key), where)
          model[key] = nil
        else
          assert.equal(model[key], map:put(key, step), where)
          model[key] = step
        end
      end
      local count = 0
      for key, value in pairs(model) do
        assert.equal(value, map:get(key), "seed " .. seed)
        count = count + 1
      end
      assert.equal(count, #map:keys(), "seed " .. seed)
    end
  end)
end)

describe("heap", function()
  it("gives deadlines back in their order, equal ones in the order they were set", function()
    local heap = base.heap()
    assert.is_nil(heap:next())
    for number, at in ipairs { 30, 10, 20, 10 } do heap:set(number, at) end
    assert.equal(10, heap:next())
    assert.is_nil(heap:pop(9))
    local order = {}
    for number in function() return heap:pop(100) end do order[#order + 1] = number end
    assert.same({ 2, 4, 3, 1 }, order)
  end)

  it("moves and cancels what is in it", function()
    local heap = base.heap()
    for number = 1, 4 do heap:set(number, number * 10) end
    heap:set(1, 35)
    heap:cancel(2)
    heap:cancel(2)
    assert.is_false(heap:is_set(2))
    assert.is_true(heap:is_set(3))
    assert.same({ 3, 1, 4 }, { heap:pop(99), heap:pop(99), heap:pop(99) })
    assert.is_nil(heap:pop(99))
  end)

  it("agrees with a sorted list over any history", function()
    for seed = 1, 10 do
      math.randomseed(seed)
      local heap, model, order = base.heap(), {}, 0
      local function first(now)
        local best
        for number, entry in pairs(model) do
          if entry.at <= now and (not best or entry.at < model[best].at or
            entry.at == model[best].at and entry.order < model[best].order) then
            best = number
          end
        end
        return best
      end
      for step = 1, 2000 do
        local number, choice = math.random(50), math.random(4)
        if choice <= 2 then
          order = order + 1
          model[number] = { at = math.random(100), order = order }
          heap:set(number, model[number].at)
        elseif choice == 3 then
          model[number] = nil
          heap:cancel(number)
        else
          local now = math.random(100)
          local expected = first(now)
          assert.equal(expected, heap:pop(now), ("seed %d step %d"):format(seed, step))
          if expected then model[expected] = nil end
        end
      end
    end
  end)
end)

describe("buf", function()
  it("keeps what is appended until it is consumed or taken", function()
    local buf = base.buf()
    buf:append "hello, "
    buf:append(("x"):rep(5000))
    buf:append ""
    buf:consume(7)
    assert.equal(("x"):rep(5000), buf:bytes())
    buf:consume(4999)
    assert.equal("x", buf:take())
    assert.equal("", buf:bytes())
    buf:append "again"
    buf:consume(99)
    assert.equal("", buf:bytes())
  end)

  local function resident()
    local file = assert(io.open("/proc/self/smaps_rollup"))
    local text = file:read("a")
    file:close()
    return tonumber(text:match("\nRss:%s*(%d+)"))
  end

  it("runs on, with what it wrote, after it let its pages go", function()
    local buf = base.buf()
    buf:append("kept")
    local before = resident()
    base.let_go()
    assert.is_true(resident() < before)
    assert.equal("kept", buf:bytes())
    assert.equal(" 3.14", ("%5.2f"):format(math.pi))
  end)

  it("compares bytes as numbers, the shorter first", function()
    assert.same({ 0, true }, { base.compare("ab", "ab") })
    assert.is_true((base.compare("ab", "b")) < 0)
    assert.is_true((base.compare("ab", "a")) > 0)
    assert.is_true((base.compare("", "a")) < 0)
    assert.is_true((base.compare("\xff", "a")) > 0)
  end)
end)
