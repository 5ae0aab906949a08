-- scripts/limits.lua: the page of limits is what the code says, and says so when it is not.
local helper = require("spec_helper")

describe("scripts/limits.lua", function()
  local directory, remove
  before_each(function()
    directory, remove = helper.temporary_directory()
    assert(os.execute(("cp -r csrc lua spec scripts doc '%s'"):format(directory)))
  end)
  after_each(function()
    remove()
  end)

  local function check()
    return helper.run(("cd '%s' && lua5.4 scripts/limits.lua --check"):format(directory), 60)
  end

  local function change(path, from, to)
    local file = assert(io.open(directory .. "/" .. path))
    local text, count = file:read("a"):gsub(from, to, 1)
    file:close()
    assert.are.equal(1, count)
    helper.write_file(directory .. "/" .. path, text)
  end

  it("finds nothing wrong with the page as it is", function()
    assert.are.same({ "", 0 }, { check() })
  end)

  it("notices a changed default", function()
    change("csrc/actor/actor.h", "LH_MAILBOX_MAX = 100000", "LH_MAILBOX_MAX = 100001")
    assert.are.same({ "doc/limits.md: is not what the code says: run `make limits`\n", 1 }, { check() })
  end)

  it("notices a constant with a limit's name that is none, and one that is gone", function()
    change("csrc/actor/limit.h", "POOL_MAX = 64", "PUDDLE_MAX = 64")
    local text, status = check()
    assert.matches("csrc/actor/limit.h: PUDDLE_MAX has a limit's name: it needs a comment", text, 1, true)
    assert.matches("scripts/no_limits.lua: POOL_MAX is not there any more", text, 1, true)
    assert.are.equal(1, status)
  end)

  it("notices a counter that is gone", function()
    change("csrc/node/counters.c", '"mailbox_full"', '"mailbox_fool"')
    local text, status = check()
    assert.matches("LH_MAILBOX_MAX: csrc/node/counters.c has no counter 'actor.mailbox_full'", text, 1, true)
    assert.are.equal(1, status)
  end)

  it("notices a test that is gone", function()
    change("spec/actor/message_spec.lua", "limits a mailbox", "limits nothing")
    local text, status = check()
    assert.matches("LH_MAILBOX_MAX: spec/actor/message_spec.lua has no test 'limits a mailbox'", text, 1, true)
    assert.are.equal(1, status)
  end)

  it("notices a limit that says too little, and one without a constant", function()
    change("csrc/actor/actor.h", "// limit: messages waiting for one actor", "// limit: messages | x")
    change("lua/luahub/config.lua", "local JOINS_MAX = 64", "local joins = 64")
    local text, status = check()
    assert.matches("LH_MAILBOX_MAX: expected `limit: what it bounds", text, 1, true)
    assert.matches("lua/luahub/config.lua:%d+: no constant follows this limit", text)
    assert.are.equal(1, status)
  end)
end)
