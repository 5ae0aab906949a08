-- Programs that are preempted, or wait in odd places, compute what they compute otherwise.
local script = require "luahub_test.script"

local programs = {
  ["pcall in a loop"] = [[
    local list = {}
    for i = 1, 20 do
      local ok, err = pcall(function(x) if x % 3 == 0 then error { x } end return x * 2 end, i)
      list[#list + 1] = ok and err or err[1]
    end
    return list]],
  ["metamethods"] = [[
    local log, meta = {}, {}
    local function new(n) return setmetatable({ n = n }, meta) end
    local function n(x) return type(x) == "table" and rawget(x, "n") or x end
    for _, name in ipairs { "add", "sub", "mul", "concat", "band", "shl", "idiv" } do
      meta["__" .. name] = function(a, b) log[#log + 1] = name return new(math.tointeger(n(a) + n(b))) end
    end
    meta.__unm = function(a) return new(-a.n) end
    meta.__len = function(a) local s = 0 for i = 1, a.n % 7 do s = s + i end return s end
    meta.__eq = function(a, b) local x = a.n local y = b.n return x == y end
    meta.__lt = function(a, b) local x, y = n(a), n(b) return x < y end
    meta.__le = function(a, b) local x, y = n(a), n(b) return x <= y end
    meta.__call = function(self, ...) local c = select("#", ...) return self.n + c, ... end
    meta.__index = function(t, k) local r = k .. "?" return r end
    meta.__newindex = function(t, k, v) local w = v + 1 rawset(t, k, w) end
    local a, b = new(3), new(4)
    local c = a + b - 1 * a .. b .. 2 & a << 1 // b
    a.field = 10
    local r = { c.n, #a, (-b).n, a == new(3), a ~= b, a < b, a <= b, not (a > b), a.nothing, a.field, a(1, 2) }
    return r, log, select("#", a(1, nil, nil))]],
  ["sort and gsub with callbacks"] = [[
    local t = {}
    for i = 1, 30 do t[i] = (i * 37) % 31 end
    table.sort(t, function(a, b) local x, y = a, b return x > y end)
    local function reversed(w) local r = "" for i = #w, 1, -1 do r = r .. w:sub(i, i) end return r end
    local s = ("hello world"):gsub("%w+", reversed)
    local co = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i) end end)
    local u = ("abc"):gsub(".", function(c) return c .. co() end)
    return t, s, u]],
  ["coroutine iterators"] = [[
    local function walk(tree)
      if not tree then return end
      walk(tree[1]) coroutine.yield(tree[2], tree[3] and "right" or nil) walk(tree[3])
    end
    local function build(lo, hi)
      if lo > hi then return end
      local mid = (lo + hi) // 2
      return { build(lo, mid - 1) or false, mid, build(mid + 1, hi) }
    end
    local tree, out = build(1, 15), {}
    for v, side in coroutine.wrap(function() walk(tree) end) do out[#out + 1] = v .. (side or "") end
    local co = coroutine.create(function(...)
      local sum, args = 0, { ... }
      while #args > 0 do
        for _, x in ipairs(args) do sum = sum + x end
        args = { coroutine.yield(sum, #args) }
      end
      return "end", sum
    end)
    local r = {}
    for i = 1, 4 do r[i] = { coroutine.resume(co, i, i * 2) } end
    r[5] = { coroutine.resume(co) }
    r[6] = { coroutine.resume(co) }
    return out, r, coroutine.status(co)]],
  ["nested coroutines, closes and errors"] = [[
    local log = {}
    local function closing(name)
      return setmetatable({}, { __close = function(_, e)
        for i = 1, 3 do log[#log + 1] = name .. i .. tostring(e ~= nil) end
      end })
    end
    local function level(n)
      return coroutine.wrap(function()
        local guard <close> = closing("guard" .. n)
        if n == 0 then coroutine.yield(1) error("bottom", 0) end
        local inner = level(n - 1)
        while true do coroutine.yield(inner() + 1) end
      end)
    end
    local top = level(3)
    local first = top()
    local ok, err = pcall(top)
    local co = coroutine.create(function() local x <close> = closing "closed" coroutine.yield(1) end)
    coroutine.resume(co)
    local closed = { coroutine.close(co) }
    do
      local block <close> = closing "block"
      for i = 1, 3 do local loop <close> = closing("loop" .. i) if i == 2 then goto done end end
      ::done::
    end
    for i, v in (function() return ipairs { 1, 2 } end)() do local x <close> = closing("for" .. i .. v) end
    local ok2, err2 = coroutine.resume(coroutine.create(function() local y <close> = closing "y" error { 5 } end))
    return first, ok, err, closed, coroutine.status(co), ok2, err2[1], log]],
  ["goto, varargs and upvalues"] = [[
    local function count(...)
      local n = 0
      for i = 1, select("#", ...) do if select(i, ...) == nil then n = n + 1 end end
      return n, ...
    end
    local function tail(n, ...) if n == 0 then return ... end return tail(n - 1, n, ...) end
    local fs = {}
    do
      local i = 1
      ::again::
      local j = i
      fs[i] = function() j = j + 1 return j end
      i = i + 1
      if i <= 5 then goto again end
    end
    local out = {}
    for i, f in ipairs(fs) do f() out[i] = f() end
    local packed = table.pack(count(1, nil, 3, nil, tail(10)))
    for i = 1, packed.n do if packed[i] == nil then packed[i] = "nil" end end
    local text = {}
    for w, d in ("a1 b2 c3"):gmatch("(%a)(%d)") do text[#text + 1] = w .. d * 2 end
    local a <const>, b = 5, 6
    a2, b2 = b, a
    return out, packed, text, a2, b2, (function(...) return ... end)(1, 2, 3)]],
  ["statuses"] = [[
    local out = {}
    local co
    co = coroutine.create(function()
      out[#out + 1] = coroutine.status(co)
      coroutine.wrap(function() out[#out + 1] = coroutine.status(co) end)()
      out[#out + 1] = select(2, coroutine.running())
      out[#out + 1] = coroutine.isyieldable()
      out[#out + 1] = { coroutine.resume(co) }
      out[#out + 1] = { pcall(coroutine.close, co) }
      coroutine.yield()
    end)
    out[#out + 1] = coroutine.status(co)
    coroutine.resume(co)
    out[#out + 1] = coroutine.status(co)
    coroutine.resume(co)
    out[#out + 1] = coroutine.status(co)
    out[#out + 1] = { coroutine.resume(co) }
    out[#out + 1] = { pcall(coroutine.wrap(function() end)) }
    out[#out + 1] = { pcall(coroutine.wrap(function() error("where", 1) end)) }
    out[#out + 1] = { pcall(coroutine.create, 1) }
    out[#out + 1] = { pcall(coroutine.resume, 1) }
    return out]],
}

-- The program's results as one comparable value.
local function outcome(how, turns, ...) return { how, select("#", ...), ... }, turns end

describe("a preempted program", function()
  for name, program in pairs(programs) do
    it("computes the same: " .. name, function()
      local state = assert(script.open {})
      local expected = outcome(state:run(program))
      assert.equal("done", expected[1], expected[3])
      for every = 1, 50 do
        local results, turns = outcome(state:run(program, every))
        assert.same(expected, results, "preempted every " .. every)
        assert.is_true(turns.preemptions > 0 or every > 20)
      end
      state:close()
    end)

    it("computes the same when signals interrupt it #notsan: " .. name, function()
      local state = assert(script.open {})
      local expected = outcome(state:run(program))
      local often = ("local function f() %s end for _ = 1, 300 do f() end return f()"):format(program)
      assert.same(expected, (outcome(state:run_interrupted(often))))
      state:close()
    end)

    it("computes what stock Lua does: " .. name, function()
      local state = assert(script.open {})
      local expected = table.pack(load(program, "=program")())
      local results = outcome(state:run(program, 3))
      table.remove(results, 1)
      table.remove(results, 1)
      expected.n = nil
      if name ~= "statuses" then assert.same(expected, results) end
      state:close()
    end)
  end

  it("gives way inside pcall, metamethods, iterators and coroutines", function()
    local state = assert(script.open {})
    local loops = {
      "pcall(function() for _ = 1, 1000 do end end)",
      "coroutine.wrap(function() for _ = 1, 1000 do end end)()",
      "local _ = setmetatable({}, { __index = function() for _ = 1, 1000 do end end }).x",
      "for _ in function() for _ = 1, 1000 do end end do end",
      "do local x <close> = setmetatable({}, { __close = function() for _ = 1, 1000 do end end }) end",
      "coroutine.wrap(function() pcall(coroutine.wrap(function() for _ = 1, 1000 do end end)) end)()",
    }
    for _, loop in ipairs(loops) do
      local how, turns = state:run(loop, 10)
      assert.equal("done", how)
      assert.is_true(turns.preemptions > 50, loop)
    end
    state:close()
  end)

  it("does not give way inside a function that C called, and goes on after it", function()
    local state = assert(script.open {})
    local how, turns, ok = state:run([[
      local inside = true
      table.sort({ 2, 1 }, function(a, b) for _ = 1, 1000 do end return a < b end)
      return inside]], 100000)
    assert.same({ "done", 0, true }, { how, turns.preemptions, ok })
    how, turns = state:run([[
      table.sort({ 2, 1 }, function(a, b) for _ = 1, 1000 do end return a < b end)
      for _ = 1, 100 do end]], 20)
    assert.equal("done", how)
    assert.is_true(turns.preemptions > 2)
    state:close()
  end)
end)

describe("an interrupted thread", function()
  it("gives way many times #notsan", function()
    local state = assert(script.open {})
    local how, turns, sum = state:run_interrupted "local sum = 0 for i = 1, 5e6 do sum = sum + i end return sum"
    assert.same({ "done", 12500002500000 }, { how, sum })
    assert.is_true(turns.preemptions > 0)
    state:close()
  end)
end)

describe("a wait", function()
  local state
  before_each(function() state = assert(script.open {}) end)
  after_each(function() state:close() end)

  local program = [[
    local core = require "luahub.core"
    local log = {}
    local inner = coroutine.wrap(function(...)
      local a = core.wait()
      local b = coroutine.yield("first", a, ...)
      local c = core.wait()
      local ok, d = pcall(function() return core.wait(), core.wait() end)
      return "last", b, c, ok, d
    end)
    local outer = coroutine.create(function(x)
      local got = { inner(x, nil, 3) }
      log[#log + 1] = got
      local y = coroutine.yield(core.wait())
      got = { inner(y) }
      log[#log + 1] = got
      return core.wait()
    end)
    local first = { coroutine.resume(outer, "x") }
    local second = { coroutine.resume(outer, "y") }
    log[#log + 1], log[#log + 2] = first, second
    local function three() for _ = 1, 3 do coroutine.yield(core.wait()) end end
    for value in coroutine.wrap(three) do log[#log + 1] = value end
    return log, coroutine.status(outer)]]

  it("passes through the user's coroutines", function()
    local how, turns, log, status = state:run(program)
    assert.equal("done", how)
    assert.equal(9, turns.waits)
    assert.equal("dead", status)
    assert.same({
      { "first", 1, "x", nil, 3 }, { "last", "y", 3, true, 4 }, { true, 2 }, { true, 6 }, 7, 8, 9,
    }, log)
  end)

  it("and a preemption do not disturb each other", function()
    local expected = outcome(state:run(program))
    for every = 1, 30 do assert.same(expected, (outcome(state:run(program, every))), "every " .. every) end
  end)

  it("holds the coroutine it happens in against everybody else", function()
    local how, _, seen, result, status = state:run [[
      local core = require "luahub.core"
      local actor, seen = coroutine.running(), {}
      local held = coroutine.create(function() core.wait() return "mine" end)
      local wrapped = coroutine.wrap(function() return coroutine.resume(held) end)
      function meanwhile()
        for _, co in ipairs { held, actor } do
          local status, _, text = coroutine.status(co), coroutine.resume(co)
          seen[#seen + 1] = status .. ", " .. text .. ", " .. select(2, pcall(coroutine.close, co))
        end
        seen[#seen + 1] = select(2, pcall(wrapped))
      end
      local _, result = wrapped()
      meanwhile = nil
      return seen, result, coroutine.status(held)]]
    assert.same({ "done", "mine", "dead" }, { how, result, status })
    local refused, closed = "cannot resume non-suspended coroutine", "cannot close a normal coroutine"
    local both = ("normal, %s, %s"):format(refused, closed)
    assert.same({ both, both, refused }, seen)
  end)

  it("is refused where C is between", function()
    local how, _, can, text = state:run [[
      local core = require "luahub.core"
      local can, text
      table.sort({ 2, 1 }, function(a, b) can = core.can_wait() text = select(2, pcall(core.wait)) return a < b end)
      return can, text]]
    assert.same({ "done", false }, { how, can })
    assert.matches("cannot wait here", text)
  end)
end)
