-- States of several versions of a module: nodes are given a new version one by one, and children move between them.
local cluster = require("spec.cluster.helper")

local function launch(world, name, version, seed)
  return world:launch(name, { join = seed and { seed }, environment = "STORE_VERSION=" .. version }):ready()
end

local function call(node, word)
  return node:eval(("return hub:call('s', %s)"):format(word and ("%q"):format(word) or "nil"))
end

local MIGRATE = "local ok, err = hub:migrate_child('s', %q, { timeout = %d }) return ok or { err.code, err.message }"

describe("The state of a child", function()
  it("is taken over by a later version of its module, and not by an earlier one", function()
    cluster.with({ hot = true }, function(world)
      local n1 = launch(world, "n1", 1)
      n1:eval("return hub:start_child({ id = 's', start = { 'store' } }, { awaitable = true }):await(5000):status()")
      call(n1, "one")
      call(n1, "two")
      local n2 = launch(world, "n2", 2, n1)
      cluster.eventually("n2 is a member", function()
        return n1:eval("return #hub:nodes{ include_local = true }") == 2
      end)
      assert.is_true(n1:eval(MIGRATE:format("n2", 10000)))
      assert.same({ "from 1", "one", "two" }, call(n1))
      call(n1, "three")
      n1:eval(MIGRATE:format("n1", 2000))
      assert.same({ "from 1", "one", "two", "three" }, call(n1))
      assert.equal("n2", n1:registry().nodes.s)
      cluster.eventually("n2 says why it stays", function()
        return n2:output():find("module 'store' is version 1 here and takes over no state of version 2", 1, true)
      end)
    end)
  end)

  it("has a version that is a whole number, or the child does not start", function()
    cluster.with(nil, function(world)
      local n1 = launch(world, "n1", 1)
      world:write("odd.lua", "return { version = 'two', init = function() return {} end }")
      local errors = n1:eval([[
        local result = hub:start_child({ id = "o", start = { "odd" } }, { awaitable = true }):await(5000)
        return result:errors()[1].message]])
      assert.matches("the version of module 'odd' is two (a whole number from 0 on expected)", errors, 1, true)
    end)
  end)
end)
