-- doc/bad_input.md: each numbered input is in the name of a test, or of one that is still to come.

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

local function numbers_in(list, into)
  for number in list:gmatch("%d+") do
    into[tonumber(number)] = true
  end
end

it("every numbered input is named by a test", function()
  local listed, tried = {}, {}
  for list in read("doc/bad_input.md"):gmatch("\n| ([%d, ]+) |") do numbers_in(list, listed) end
  local paths = assert(io.popen("find spec -name '*_spec.lua'"))
  for path in paths:lines() do
    for list in read(path):gmatch("%(wire ([%d, ]+)%)") do numbers_in(list, tried) end
  end
  paths:close()
  assert.are.equal(39, #listed)
  for number = 1, 39 do assert.is_true(tried[number], "no test is named (wire " .. number .. ")") end
end)
