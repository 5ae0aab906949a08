-- Every option of every function, from the table that all of them are checked by: a wrong type, an unknown name and a
-- list are refused in one line that names what was wrong.
local argument = require("luahub.argument")
local option = require("luahub.option")

local WRONG = { print, math.huge, {}, "\0nonsense", -1, true }

local function refusal(options, group)
  local ok, problem = pcall(argument.options, "f", options, group)
  return not ok and problem
end

-- Kinds without a type: what they may be is checked where it is understood (spec/processhub/input_spec.lua,
-- spec/luahub/config_spec.lua, spec/distribution/guided_spec.lua).
local function is_free(kind)
  return kind == "any"
end

describe("The options of", function()
  for _, group in ipairs(option.GROUPS) do
    it(group.title .. " have types, and no others are taken", function()
      for _, name in ipairs(group.known) do
        local refused = 0
        for _, wrong in ipairs(WRONG) do
          local problem = refusal({ [name] = wrong }, group)
          if problem then
            refused = refused + 1
            assert.matches("f: " .. name .. ": expected ", problem, 1, true)
            assert.is_nil(problem:find("\n"))
          end
        end
        assert(is_free(group.kinds[name]) or refused > 0, name .. " takes anything")
        if type(group.kinds[name]) == "table" then assert.are.equal(#WRONG, refused, name) end
        local near = refusal({ [name .. "x"] = 1 }, group)
        assert.matches(("unknown option '%sx'"):format(name), near, 1, true)
      end
      assert.matches("expected a table, got 7", refusal(7, group), 1, true)
      assert.matches("got a list", refusal({ "x" }, group), 1, true)
    end)
  end
end)
