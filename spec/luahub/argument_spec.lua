local argument = require("luahub.argument")
local option = require("luahub.option")

describe("luahub.argument", function()
  it("suggests the nearest known name", function()
    assert.are.equal("timeout", argument.nearest("tiemout", { "awaitable", "timeout" }))
    assert.is_nil(argument.nearest("zebra", { "awaitable", "timeout" }))
  end)

  it("lists what is known when nothing is near", function()
    assert.are.equal("unknown option 'zebra' (known: awaitable, timeout)",
      argument.unknown("option", "zebra", { "awaitable", "timeout" }))
  end)

  it("raises at the caller's level", function()
    local function public(value)
      argument.check("public", "ms", value, "ms")
    end
    local ok, problem = pcall(function()
      public("x")
    end)
    assert.is_false(ok)
    assert.matches('^[^:]*argument_spec.lua:%d+: public: ms: expected a number of milliseconds .*, got "x"$', problem)
  end)

  it("lets nil pass for what is optional, and nothing else", function()
    argument.check("f", "x", nil, "string?")
    assert.has_error(function()
      argument.check("f", "x", 1, "string?", 0)
    end)
  end)

  it("refuses unknown options with a suggestion", function()
    local ok, problem = pcall(argument.options, "f", { awaitabel = true }, option.start)
    assert.is_false(ok)
    assert.matches("unknown option 'awaitabel' %(did you mean 'awaitable'%?%)", problem)
  end)

  it("T-217 to T-222 gives options back as they were given: none, some, false and 0 too", function()
    assert.same({}, argument.options("f", nil, option.start))
    assert.same({}, argument.options("f", {}, option.start))
    local given = { awaitable = false, timeout = 0, check_existing = true }
    assert.same({ awaitable = false, timeout = 0, check_existing = true }, argument.options("f", given, option.start))
  end)

  it("says what took the place of ProcessHub's spellings", function()
    for given, said in pairs({
      async_wait = "f: unknown option 'async_wait': it is 'awaitable' here",
      await_timeout = "f: unknown option 'await_timeout': there is none here: a result is kept until it is awaited",
    }) do
      local ok, problem = pcall(argument.options, "f", { [given] = true }, option.start, 0)
      assert.is_false(ok)
      assert.matches(said, problem, 1, true)
    end
  end)

  it("names of several unknown options the first, and what a list should be", function()
    local _, problem = pcall(argument.options, "f", { zb = 1, za = 1 }, option.nodes, 0)
    assert.matches("f: unknown option 'za'", problem)
    _, problem = pcall(argument.options, "f", { "include_local" }, option.nodes, 0)
    assert.matches("f: options: expected { name = value, ... }, got a list", problem, 1, true)
  end)

  it("takes no time that is no number of milliseconds", function()
    for _, wrong in ipairs({ -1, math.huge, 0 / 0, "5", true }) do
      local ok, problem = pcall(argument.options, "f", { timeout = wrong }, option.start, 0)
      assert.is_false(ok)
      assert.matches("f: timeout: expected a number of milliseconds up to 86400000, got ", problem)
    end
  end)

  it("tells a list from a table with keys", function()
    argument.list("f", "ids", { "a", "b" }, "text")
    local ok, problem = pcall(argument.list, "f", "ids", { a = 1 }, "text")
    assert.is_false(ok)
    assert.matches("expected a list, got a table with keys", problem)
  end)
end)
