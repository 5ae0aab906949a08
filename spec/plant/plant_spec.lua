-- Planted bugs: none of them is in an ordinary build, and each one in the code is in the list, and back.
local helper = require "spec_helper"

local BUILD = os.getenv "LUAHUB_BUILD" or "build"

local function in_code()
  local names = {}
  local output = helper.run "grep -rhoE 'LH_PLANTED\\([a-z_]+\\)' csrc --include=*.c"
  for name in output:gmatch "LH_PLANTED%(([a-z_]+)%)" do names[name] = true end
  return names
end

local function in_list()
  local names = {}
  for _, bug in ipairs(dofile "spec/plant/bugs.lua") do
    assert.is_nil(names[bug.name], bug.name .. " is in the list twice")
    names[bug.name] = true
  end
  return names
end

describe("planted bugs", function()
  it("are all in the list, and all in the code", function() assert.same(in_code(), in_list()) end)

  it("leave no symbol and no name in an ordinary build", function()
    for _, module in ipairs { "luahub/core.so", "test/luahub_test/hub.so" } do
      local symbols, status = helper.run("nm " .. BUILD .. "/" .. module)
      assert.equal(0, status, symbols)
      assert.is_nil(symbols:find("lh_plant", 1, true))
      assert.is_nil(symbols:find("lh_failpoint", 1, true))
      assert.is_nil(symbols:find("lh_fault_", 1, true))
      local file = assert(io.open(BUILD .. "/" .. module, "rb"))
      local bytes = file:read "a"
      file:close()
      for name in pairs(in_code()) do
        assert.is_nil(bytes:find("\0" .. name .. "\0", 1, true), name .. " is in " .. module)
      end
    end
  end)

  it("are played by histories that there are", function()
    local kinds = require "spec.plant.kinds"
    for _, bug in ipairs(dofile "spec/plant/bugs.lua") do assert.is_function(kinds[bug.kind], bug.kind) end
  end)
end)
