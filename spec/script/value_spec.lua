local script = require "luahub_test.script"

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- A random value whose tables have at most `depth` levels.
local function random_value(random, depth)
  local kind = random(depth > 0 and 11 or 8)
  if kind == 1 then return random(2) == 1 end
  if kind == 2 then return random(-200, 200) end
  if kind == 3 then return random(0) end
  if kind == 4 then return random() * 1e10 end
  if kind == 5 then return random(-3, 3) * 1.0 end
  if kind == 6 then return string.rep(string.char(random(0, 255)), random(0, 300)) end
  if kind == 7 then return script.pid("n" .. random(9), random(1000), random(1000), random(1000)) end
  if kind == 8 then return math.huge end
  local value = {}
  if kind == 9 then
    for i = 1, random(0, 40) do value[i] = random_value(random, depth - 1) end
    return value
  end
  for _ = 1, random(0, 40) do
    local key = random_value(random, 0)
    if key == key then value[key] = random_value(random, depth - 1) end
  end
  return value
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b and math.type(a) == math.type(b) end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

describe("values", function()
  it("travel and come back the same", function()
    local values = {
      true, false, 0, -1, 127, 128, -32, -33, 65535, 65536, math.maxinteger, math.mininteger, 1.0, -0.5, 1e300,
      math.huge, -math.huge, "", "text", "\0\255", ("x"):rep(70000), {}, { 1, 2, 3 }, { a = 1, b = { c = "d" } },
      { 1, 2, x = 3 }, { [0] = "zero", "one" }, { [true] = 1, [false] = 2 }, { [1.5] = "float" },
    }
    for _, value in ipairs(values) do
      assert.is_true(same(value, (script.decode(assert(script.encode(value))))))
      assert.is_true(same(value, (script.copy(value))))
    end
    assert.is_nil(script.decode(script.encode(nil)))
  end)

  it("keep integers and floats apart", function()
    assert.equal("float", math.type(script.decode(script.encode(1.0))))
    assert.equal("integer", math.type(script.decode(script.encode(1))))
  end)

  it("come back the same when they are random", function()
    for seed = 1, 60 do
      math.randomseed(seed)
      local value = random_value(math.random, 4)
      local bytes = assert(script.encode(value))
      local back = script.decode(bytes)
      assert.is_true(same(value, back), "seed " .. seed)
      assert.is_true(same(value, (script.copy(value))), "seed " .. seed)
      assert.equal(hex(bytes), hex(script.encode(back)), "seed " .. seed)
    end
  end)

  it("encode equally when they are equal, whatever their history", function()
    for seed = 1, 20 do
      math.randomseed(seed)
      local keys = {}
      for i = 1, 100 do keys[i] = i % 3 == 0 and i or "key" .. i end
      local one, two = {}, {}
      for _, key in ipairs(keys) do one[key] = { x = 1, y = key, z = 3 } end
      for i = 1, 100 do two["gone" .. i] = i end
      for i = 1, 100 do two["gone" .. i] = nil end
      for i = #keys, 1, -1 do two[keys[i]] = { z = 3, y = keys[i], x = 1 } end
      assert.equal(script.encode(one), script.encode(two), "seed " .. seed)
    end
  end)

  it("write map keys as booleans, numbers, strings by bytes", function()
    assert.equal("86" .. "c201" .. "c301" .. "0001" .. "cb3ff800000000000001" .. "0201" .. "a16101",
      hex(script.encode { a = 1, [true] = 1, [false] = 1, [2] = 1, [1.5] = 1, [0] = 1 }))
  end)

  it("make arrays of sequences only", function()
    assert.equal("930102c3", hex(script.encode { 1, 2, true }))
    assert.equal("80", hex(script.encode {}))
    assert.equal("82010103c0", hex(script.encode { 1, nil, 3 }):gsub("0303$", "03c0"))
  end)

  it("keep the metatable of error values", function()
    local _, err = script.fail("not_found", "no such child")
    for _, value in ipairs { script.decode(script.encode(err)), (script.copy(err)) } do
      assert.equal("not_found", value.code)
      assert.equal("no such child", tostring(value))
      assert.equal("luahub.error", getmetatable(value).__name)
    end
    local nested = script.decode(script.encode { errors = { err } })
    assert.equal("no such child", tostring(nested.errors[1]))
  end)
end)

describe("values that cannot travel", function()
  local function refused(value)
    local encoded, text = script.encode(value)
    assert.is_nil(encoded)
    local copied, copy_text = script.copy(value)
    assert.is_nil(copied)
    assert.equal(text, copy_text)
    return text
  end

  it("are named with their path", function()
    assert.equal("message: a function cannot be sent", refused(print))
    assert.equal("message.items[3].fn: a function cannot be sent", refused { items = { 1, 2, { fn = print } } })
    assert.equal('message["two words"]: a coroutine cannot be sent',
      refused { ["two words"] = coroutine.create(print) })
    assert.equal("message[1]: a userdata cannot be sent", refused { io.stdout })
    assert.equal("message[1]: a userdata cannot be sent", refused { script.null() })
    assert.equal("message.a: a table cannot be a key of a table that is sent", refused { a = { [{}] = 1 } })
  end)

  it("include cycles, named where they close", function()
    local cycle = { a = {} }
    cycle.a.b = cycle
    assert.equal("message: a table that contains itself cannot be sent", refused(cycle))
    local inner = {}
    inner.again = inner
    assert.equal("message.x[1]: a table that contains itself cannot be sent", refused { x = { inner } })
  end)

  it("include what is nested too deeply", function()
    local deep = 1
    for _ = 1, 32 do deep = { deep } end
    assert.is_true(same(deep, script.decode(script.encode(deep))))
    assert.matches("nested deeper than 32", refused { deep })
  end)

  it("include what is too large", function()
    local encoded, text, code = script.encode({ text = ("x"):rep(1000) }, 1000)
    assert.is_nil(encoded)
    assert.equal("message.text: too large to be sent: 1000 bytes at most", text)
    assert.equal("limit", code)
    assert.is_string(script.encode(("x"):rep(1000), 1010))
    assert.is_nil((script.encode({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 5)))
  end)

  it("include a small value that unfolds without end", function()
    local value = { 1 }
    for _ = 1, 30 do value = { value, value, value, value } end
    assert.matches("too large", (select(2, script.copy(value))))
    assert.matches("too large", (select(2, script.encode(value, 100000))))
  end)
end)

describe("decoding", function()
  it("refuses bytes that are no value (wire 23)", function()
    local bad = {
      "", "\xc1", "\x92\x01", "\x81\x01", "\xdd\xff\xff\xff\xff", "\xa5abc", "\x01\x02",
      "\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
      "\x81\xc0\x01", "\x82\x01\x01\xc0\xc3", "\x81\x90\x01", "\x81\xcb\x7f\xf8\0\0\0\0\0\0\x01", "\xc7\x01\x01x",
      "\x82\xa1a\x01\xa1a\x02", -- one key twice
    }
    for _, bytes in ipairs(bad) do
      local value, code = script.decode(bytes)
      assert.is_nil(value, hex(bytes))
      assert.equal("format", code, hex(bytes))
    end
  end)

  it("refuses too many levels", function()
    local value, code = script.decode(("\x91"):rep(33) .. "\x01")
    assert.is_nil(value)
    assert.equal("limit", code)
  end)

  it("survives every cut and every changed byte", function()
    local bytes = script.encode { a = { 1, 2, { b = "text" } }, c = 1.5, d = script.pid("n1", 1, 2, 3) }
    for i = 1, #bytes do
      assert.is_nil((script.decode(bytes:sub(1, i - 1))))
      for _, byte in ipairs { 0, 0x81, 0x92, 0xa5, 0xc0, 0xc1, 0xc7, 0xdd, 0xff } do
        script.decode(bytes:sub(1, i - 1) .. string.char(byte) .. bytes:sub(i + 1))
      end
    end
  end)

  it("reads several values that stand one after another", function()
    local bytes = script.encode(1) .. script.encode "two" .. script.encode { 3 }
    local one, two, three = script.decode(bytes, -1)
    assert.same({ 1, "two", { 3 } }, { one, two, three })
    assert.same({ nil, "format" }, { script.decode(bytes, 2) })
  end)
end)

describe("pids", function()
  it("print, compare, serve as keys and travel", function()
    local pid = script.pid("n1", 3, 17, 1)
    assert.equal("<n1.3.17.1>", tostring(pid))
    assert.equal(pid, script.pid("n1", 3, 17, 1))
    assert.not_equal(pid, script.pid("n1", 3, 17, 2))
    local back = script.decode(script.encode { [pid] = "here" })
    assert.equal("here", back[pid])
    assert.equal(pid, (script.copy(pid)))
  end)

  it("leave NULL alone", function()
    assert.equal("userdata: NULL", tostring(script.null()))
  end)
end)
