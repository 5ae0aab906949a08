-- doc/cases.md: each numbered fault is in the name of a test, or is said not to be here.

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
  assert.equal(41, count)
end)
