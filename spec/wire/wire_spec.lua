-- What the wire accepts, what it refuses, and that each limit is reached once.
local wire = require "luahub_test.wire"

local function hex(text)
  return (text:gsub("%s", ""):gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- The error after passing over one value and asking for the end.
local function verdict(bytes, limits)
  local reader = wire.reader(bytes, limits)
  reader:skip()
  return reader:finish()
end

describe("wire", function()
  describe("writing", function()
    it("writes the shortest form of every integer", function()
      local forms = {
        { 0, "00" }, { 127, "7f" }, { 128, "cc80" }, { 255, "ccff" }, { 256, "cd0100" }, { 65535, "cdffff" },
        { 65536, "ce00010000" }, { 4294967295, "ceffffffff" }, { 4294967296, "cf0000000100000000" },
        { -1, "ff" }, { -32, "e0" }, { -33, "d0df" }, { -128, "d080" }, { -129, "d1ff7f" }, { -32768, "d18000" },
        { -32769, "d2ffff7fff" }, { -2147483648, "d280000000" }, { -2147483649, "d3ffffffff7fffffff" },
        { math.mininteger, "d38000000000000000" }, { math.maxinteger, "cf7fffffffffffffff" },
      }
      for _, form in ipairs(forms) do
        assert.equal(hex(form[2]), wire.writer():int(form[1]):bytes(), tostring(form[1]))
        local reader = wire.reader(hex(form[2]))
        assert.equal(form[1], reader:int())
        assert.equal("ok", reader:finish())
      end
    end)

    it("writes the shortest length of strings, bins, arrays and maps", function()
      local sizes = { { 0, "a0", "c400", "90", "80" }, { 15, "af", "c40f", "9f", "8f" },
        { 16, "b0", "c410", "dc0010", "de0010" }, { 32, "d920", "c420", "dc0020", "de0020" },
        { 256, "da0100", "c50100", "dc0100", "de0100" },
        { 65536, "db00010000", "c600010000", "dd00010000", "df00010000" } }
      for _, size in ipairs(sizes) do
        local text = ("x"):rep(size[1])
        assert.equal(hex(size[2]) .. text, wire.writer():str(text):bytes())
        assert.equal(hex(size[3]) .. text, wire.writer():bin(text):bytes())
        assert.equal(hex(size[4]), wire.writer():array(size[1]):bytes())
        assert.equal(hex(size[5]), wire.writer():map(size[1]):bytes())
        assert.equal(text, wire.reader(wire.writer():str(text):bytes()):str(size[1]))
        assert.equal(text, wire.reader(wire.writer():bin(text):bytes()):bin(size[1]))
      end
    end)

    it("carries runs and pids whole", function()
      local id = "0123456789abcdef"
      local reader = wire.reader(wire.writer():run(id, 7):pid(id, 3, 99):bytes())
      local read_id, epoch = reader:run()
      assert.same({ id, 7 }, { read_id, epoch })
      local kind, pid = reader:value()
      assert.same({ "pid", "3.99" }, { kind, pid })
      assert.equal("ok", reader:finish())
    end)
  end)

  describe("reading", function()
    it("tells every type by its head", function()
      local heads = { { "c0", "nil" }, { "c2", "bool" }, { "c3", "bool" }, { "05", "int" }, { "ff", "int" },
        { "cfffffffffffffffff", "uint" }, { "ca3f800000", "double" }, { "cb3ff0000000000000", "double" },
        { "a0", "str" }, { "c400", "bin" }, { "90", "array" }, { "80", "map" } }
      for _, head in ipairs(heads) do
        local reader = wire.reader(hex(head[1]))
        assert.equal(head[2], reader:peek())
        assert.equal(head[2], (reader:value()))
        assert.equal("ok", reader:finish())
        assert.equal("end", reader:peek())
      end
    end)

    it("refuses the reserved byte, unknown ext kinds and every head that is cut short (wire 24, 27)", function()
      assert.equal("format", verdict(hex "c1"))
      for _, ext in ipairs { "d40100", "d5010000", "d60100000000", "c70102ff", "c8000101ff", "c90000000101ff" } do
        assert.equal("format", verdict(hex(ext)), ext)
      end
      local pid = wire.writer():pid("0123456789abcdef", 1, 1):bytes()
      assert.equal("ok", verdict(pid))
      for len = 0, #pid - 1 do assert.equal("format", verdict(pid:sub(1, len)), "length " .. len) end
      for _, head in ipairs { "cc", "cd00", "ce000000", "cf00", "d0", "d1", "d2", "d3", "ca00", "cb", "d9", "da00",
        "db000000", "c4", "c5", "c6", "dc", "dd", "de", "df" } do
        assert.equal("format", verdict(hex(head)), head)
      end
    end)

    it("refuses a pid whose local part is too large", function()
      assert.equal("format", verdict(hex "c72001" .. ("\0"):rep(24) .. ("\xff"):rep(8)))
    end)

    it("refuses lengths and counts beyond the bytes left before anything is read (wire 21, 26)", function()
      for _, lie in ipairs { "a1", "d901", "dbffffffff", "c6ffffffff", "91", "81c0", "ddffffffff", "dfffffffff" } do
        assert.equal("format", verdict(hex(lie)), lie)
      end
    end)

    it("refuses bytes that are left over (wire 25)", function()
      assert.equal("format", verdict(hex "c0c0"))
      assert.equal("ok", verdict(hex "c0"))
    end)

    it("reaches the depth limit at 16 for control and 32 for users (wire 20)", function()
      assert.equal("ok", verdict(("\x91"):rep(16) .. "\xc0"))
      assert.equal("limit", verdict(("\x91"):rep(17) .. "\xc0"))
      assert.equal("ok", verdict(("\x91"):rep(31) .. "\x90", "user"))
      assert.equal("limit", verdict(("\x91"):rep(32) .. "\x90", "user"))
      assert.equal("limit", verdict(("\x91"):rep(100000), "user"))
    end)

    it("spends one budget on the whole message (wire 22)", function()
      local array = hex "dc7fff" .. ("\xc0"):rep(32767)
      assert.equal("ok", verdict(hex "92" .. array .. hex "dc7ffd" .. ("\xc0"):rep(32765)))
      assert.equal("limit", verdict(hex "92" .. array .. array))
      assert.equal("ok", verdict(hex "92" .. array .. array, "user"))
    end)

    it("refuses a count beyond the budget at once", function()
      local reader = wire.reader(hex "dd00010000" .. ("\xc0"):rep(65536))
      assert.equal("end", (reader:value()))
      assert.equal("limit", reader:error())
    end)

    it("refuses a message above 16 MiB", function()
      assert.equal("limit", verdict(wire.writer():bin(("x"):rep(16 * 1024 * 1024)):bytes(), "user"))
    end)

    it("holds each field to its own limit (wire 30)", function()
      local function read(bytes, method, ...)
        local reader = wire.reader(bytes)
        local value = reader[method](reader, ...)
        return reader:finish(), value
      end
      assert.equal("ok", (read(hex "05", "uint", 5)))
      assert.equal("format", (read(hex "06", "uint", 5)))
      assert.equal("format", (read(hex "ff", "uint", 5)))
      assert.equal("format", (read(hex "cfffffffffffffffff", "int")))
      assert.equal("ok", (read("\xa3abc", "str", 3)))
      assert.equal("limit", (read("\xa3abc", "str", 2)))
      assert.equal("format", (read("\xa3abc", "bin", 3)))
      assert.equal("limit", (read(hex "c403616263", "bin", 2)))
      assert.equal("limit", (read(hex "92c0c0", "array", 1)))
      assert.equal("limit", (read(hex "82c0c0c0c0", "map", 1)))
      assert.equal("format", (read(hex "c0", "bool")))
      for _, number in ipairs { 0 / 0, 1 / 0, -1 / 0 } do
        assert.equal("format", (read(wire.writer():double(number):bytes(), "double")))
      end
      assert.same({ "ok", 0.5 }, { read(wire.writer():double(0.5):bytes(), "double") })
    end)

    it("keeps the first error and answers zero values after it", function()
      local reader = wire.reader(hex "c1" .. "\xa3abc")
      assert.equal(0, reader:uint(9))
      assert.equal("", reader:str(9))
      assert.equal(0, reader:array(9))
      assert.is_false(reader:bool())
      assert.equal("", reader:skip())
      assert.equal("format", reader:finish())
    end)

    it("consumes nil only when it is there", function()
      local reader = wire.reader(hex "c005")
      assert.is_true(reader:null())
      assert.is_false(reader:null())
      assert.equal(5, reader:uint(9))
      assert.equal("ok", reader:finish())
    end)

    it("passes over one whole value and answers its bytes", function()
      local inner = wire.writer():map(2):str("a"):array(2):int(1):int(-1):str("b"):null():bytes()
      local reader = wire.reader(inner .. hex "2a")
      assert.equal(inner, reader:skip())
      assert.equal(42, reader:uint(99))
      assert.equal("ok", reader:finish())
    end)
  end)
end)

describe("runs", function()
  local function id(n) return ("%016d"):format(n) end

  it("gives each run one index, never 0", function()
    local runs = wire.runs()
    local first = runs:index(id(1), 1)
    assert.is_true(first > 0)
    assert.equal(first, runs:index(id(1), 1))
    assert.are_not.equal(first, runs:index(id(1), 2))
    assert.same({ id(1), 1 }, { runs:at(first) })
    assert.is_nil(runs:at(0))
    assert.is_nil(runs:at(wire.RUNS_MAX))
  end)

  it("answers 0 when it is full, and still finds what it has", function()
    local runs = wire.runs()
    for n = 1, wire.RUNS_MAX - 1 do assert.equal(n, runs:index(id(n), 1)) end
    assert.equal(0, runs:index(id(0), 1))
    assert.equal(77, runs:index(id(77), 1))
  end)

  it("has the last name that a run was given, cut to its limit", function()
    local runs = wire.runs()
    local index = runs:index(id(1), 1)
    assert.equal("?", runs:name(index))
    runs:set_name(index, "first")
    runs:set_name(index, ("n"):rep(100))
    assert.equal(("n"):rep(64), runs:name(index))
    assert.equal("?", runs:name(0))
  end)

  it("gives one index to a run that several threads add at once", function()
    assert.is_true(wire.runs():race())
  end)
end)
