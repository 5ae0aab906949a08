local argument = require("luahub.argument")

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
    assert.matches("^[^:]*argument_spec.lua:%d+: public: ms: expected a number of milliseconds, got \"x\"$", problem)
  end)

  it("lets nil pass for what is optional, and nothing else", function()
    argument.check("f", "x", nil, "string?")
    assert.has_error(function()
      argument.check("f", "x", 1, "string?", 0)
    end)
  end)

  it("refuses unknown options with a suggestion", function()
    local ok, problem = pcall(argument.options, "f", { awaitabel = true }, { awaitable = "boolean?" })
    assert.is_false(ok)
    assert.matches("unknown option 'awaitabel' %(did you mean 'awaitable'%?%)", problem)
  end)

  it("tells a list from a table with keys", function()
    argument.list("f", "ids", { "a", "b" }, "text")
    local ok, problem = pcall(argument.list, "f", "ids", { a = 1 }, "text")
    assert.is_false(ok)
    assert.matches("expected a list, got a table with keys", problem)
  end)
end)
