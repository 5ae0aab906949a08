-- The tests of ProcessHub that concern its interface (doc/coming_from_processhub.md): each number is in the name of a
-- test, or in the page's list of those without a counterpart, which says what stands there instead and what shows it.
-- And its defects that concern it: each number is in the name of a test that shows that it is not here.
local PAGE = "doc/coming_from_processhub.md"

-- Nodes together, the public functions, deprecated ones, results, names, state, hooks, synchronizer, dispatcher,
-- mailbox, distributor, ring, storage, registry, cluster, helpers, and what later versions added.
local RANGES = {
  { 1, 9 }, { 17, 17 }, { 20, 45 }, { 50, 56 }, { 60, 92 }, { 100, 107 }, { 110, 127 }, { 130, 131 }, { 140, 155 },
  { 160, 165 }, { 170, 178 }, { 180, 182 }, { 190, 194 }, { 200, 204 }, { 210, 222 }, { 230, 236 }, { 240, 247 },
  { 250, 264 }, { 270, 274 }, { 280, 295 }, { 400, 404 },
}
local DROPPED_MAX = 40

local LOSSES = { 2, 4, 5, 6, 7, 8, 9, 11, 12, 14, 16, 17, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29, 31 }
-- Those where a join, a leave or a kill matters: a test in the simulator shows them too.
local IN_SIMULATOR = { 2, 4, 5, 8, 9, 12, 14, 16, 19, 24, 25, 26, 29 }

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

-- "T-003, T-100 to T-107": each of them.
local function numbers_in(text, into)
  for first, last in text:gmatch("T%-(%d+) to T%-(%d+)") do
    for number = tonumber(first), tonumber(last) do into[number] = true end
  end
  for number in text:gmatch("T%-(%d+)") do into[tonumber(number)] = true end
end

-- Calls `take(name, text)` with the name of each test, and the text of its file.
local function each_test(take)
  local paths <close> = assert(io.popen("find spec -name '*_spec.lua'"))
  for path in paths:lines() do
    local text = read(path)
    for name in text:gmatch("%f[%w_]it%((.-)function%f[%W]") do take(name, text) end
    for name in text:gmatch("%f[%w_]describe%((.-)function%f[%W]") do take(name, text) end
  end
end

local function named_by_tests()
  local named = {}
  each_test(function(name) numbers_in(name, named) end)
  return named
end

local function asks_simulator(text)
  return (text:find('require("luahub.sim")', 1, true) or text:find('require("spec.sim.histories")', 1, true)) ~= nil
end

-- The losses that tests name, and those that one names in a file that asks the simulator.
local function losses_named()
  local named, simulated = {}, {}
  each_test(function(name, text)
    for number in name:gmatch("L%-(%d+)") do
      named[tonumber(number)] = true
      if asks_simulator(text) then simulated[tonumber(number)] = true end
    end
  end)
  return named, simulated
end

local function missing_in(numbers, named)
  local missing = {}
  for _, number in ipairs(numbers) do
    if not named[number] then missing[#missing + 1] = number end
  end
  return missing
end

-- The rows of the page's list: what they are about, and the rest.
local function dropped_rows()
  local list = assert(read(PAGE):match("\n### Without a counterpart\n(.-)\n##"), "the list is not in " .. PAGE)
  local rows = {}
  for numbers, rest in list:gmatch("\n| (T%-[^|]+) | ([^\n]+)") do
    rows[#rows + 1] = { numbers = numbers, rest = rest }
  end
  return rows
end

describe("ProcessHub's tests of its interface", function()
  it("are each in the name of a test, or in the list of those without a counterpart", function()
    local named, dropped, missing, both = named_by_tests(), {}, {}, {}
    for _, row in ipairs(dropped_rows()) do numbers_in(row.numbers, dropped) end
    local count = 0
    for _, range in ipairs(RANGES) do
      for number = range[1], range[2] do
        if dropped[number] then count = count + 1 end
        if named[number] and dropped[number] then both[#both + 1] = number end
        if not named[number] and not dropped[number] then missing[#missing + 1] = number end
        dropped[number] = nil
      end
    end
    assert.are.same({}, missing)
    assert.are.same({}, both)
    assert.is_nil(next(dropped), "the list has a number of another range")
    assert.is_true(count > 0 and count <= DROPPED_MAX, count .. " are without a counterpart")
  end)

  it("that have none name a loss or a decision, and the spec that shows what stands there instead", function()
    local decisions = read("doc/architecture.md")
    for _, row in ipairs(dropped_rows()) do
      local decision = row.rest:match('%[decision%]%(architecture.md[^)]*%): "([^"]+)"')
      local why = row.rest:find("L%-%d") or row.rest:find("an empty test there", 1, true)
      assert(why or decision, row.numbers .. " names neither")
      if decision then assert(decisions:find(decision, 1, true), "no such decision: " .. decision) end
      local shown = 0
      for path in row.rest:gmatch("`(spec/[%w_/]+%.lua)`") do
        read(path)
        shown = shown + 1
      end
      assert(shown > 0, row.numbers .. " names no spec")
    end
  end)
end)

describe("ProcessHub's defects of its interface", function()
  it("are each in the name of a test, and of one in the simulator where nodes that come and go matter", function()
    local named, simulated = losses_named()
    assert.are.same({}, missing_in(LOSSES, named))
    assert.are.same({}, missing_in(IN_SIMULATOR, simulated))
  end)

  it("are listed, each with specs that are there", function()
    local list = assert(read(PAGE):match("\n## Defects that are not here\n(.-)\n## "))
    local listed = {}
    for row in list:gmatch("\n| (L%-[^\n]+)") do
      for number in row:match("^[^|]+"):gmatch("L%-(%d+)") do listed[tonumber(number)] = true end
      local shown = row:match("|([^|]+)|$")
      for path in shown:gmatch("`(spec/[%w_/]+%.lua)`") do read(path) end
      assert(shown:find("`spec/", 1, true), row)
    end
    assert.are.same({}, missing_in(LOSSES, listed))
  end)
end)
