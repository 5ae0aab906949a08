-- doc/cases.md: each numbered fault, and each scenario, is in the name of a test, or is said not to be here.

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

it("every numbered fault is named by a test, or is not here", function()
  local tried, count = {}, 0
  local paths <close> = assert(io.popen("find spec -name '*_spec.lua' -o -name '*_points.lua'"))
  for path in paths:lines() do
    for name in read(path):gmatch("cases? ([%d, ]+)") do
      for number in name:gmatch("%d+") do tried[tonumber(number)] = true end
    end
  end
  for number, rest in read("doc/cases.md"):gmatch("\n| (%d+) | ([^\n]+)") do
    count = count + 1
    local tells = rest:find("| not here", 1, true) ~= nil
    assert.equal(39 + count, tonumber(number))
    assert.equal(not tells, tried[tonumber(number)] or false, "(case " .. number .. ")")
  end
  assert.equal(51, count)
end)

-- "E1 to E5", "E6, E7" -> each of them.
local function scenarios_of(text)
  local out = {}
  for letter, first, last in text:gmatch("(%u)(%d+) to %u(%d+)") do
    for number = first, last do out[#out + 1] = letter .. math.tointeger(number) end
  end
  for name in text:gsub("%u%d+ to %u%d+", ""):gmatch("%u%d+") do out[#out + 1] = name end
  return out
end

local function names_of_tests()
  local names = {}
  local paths <close> = assert(io.popen("find spec -name '*_spec.lua'"))
  for path in paths:lines() do
    for line in io.lines(path) do
      local title = line:match("^%s*it%((.*)") or line:match("^%s*describe%((.*)") or ""
      for name in title:gmatch("%f[%w][CDEGL]%d+%f[%W]") do names[name] = true end
    end
  end
  return names
end

it("every scenario of the later versions is named by a test, or is not here", function()
  local named, last, count = names_of_tests(), { C = 6, D = 6, E = 15, G = 15, L = 23 }, 0
  local seen = {}
  for first, rest in read("doc/cases.md"):gmatch("\n| (%u%d[^|]*) | ([^\n]+)") do
    local tells = rest:find("^not here") ~= nil
    for _, name in ipairs(scenarios_of(first)) do
      assert.is_nil(seen[name], name .. " stands twice")
      assert.equal(not tells, named[name] or false, name)
      seen[name], count = true, count + 1
    end
  end
  for letter, number in pairs(last) do
    for i = 1, number do assert.is_true(seen[letter .. i], letter .. i) end
  end
  assert.equal(65, count)
end)
