-- scripts/options.lua: the page of options is what the tables say, and says so when it is not.
local helper = require("spec_helper")

describe("scripts/options.lua", function()
  local directory, remove
  before_each(function()
    directory, remove = helper.temporary_directory()
    assert(os.execute(("cp -r lua scripts doc '%s'"):format(directory)))
  end)
  after_each(function()
    remove()
  end)

  local function check()
    return helper.run(("cd '%s' && lua5.4 scripts/options.lua --check"):format(directory), 60)
  end

  it("L-28: finds nothing wrong with the page as it is, and notices a changed table", function()
    assert.are.same({ "", 0 }, { check() })
    local path = directory .. "/lua/luahub/option.lua"
    local file = assert(io.open(path))
    local text, count = file:read("a"):gsub('"none", "one", "majority", "all"', '"none", "one", "all"')
    file:close()
    assert.are.equal(1, count)
    helper.write_file(path, text)
    local wrong = "doc/options.md: is not what lua/luahub/option.lua says: run `make options`\n"
    assert.are.same({ wrong, 1 }, { check() })
    assert.are.same({ "", 0 }, { helper.run(("cd '%s' && lua5.4 scripts/options.lua"):format(directory), 60) })
    assert.are.same({ "", 0 }, { check() })
  end)
end)
