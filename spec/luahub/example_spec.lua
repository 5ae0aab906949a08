-- The strategy of examples/, alone and on a running node; the counter as a child of it.

local helper = require("spec_helper")

local strategy = dofile("examples/strategy_by_name.lua")
local VIEW = { nodes = { "n1", "n2", "n3" }, self = "n1", hub = "main" }

describe("examples/strategy_by_name.lua", function()
  it("places a child on the node that its id names", function()
    assert.are.same({ 2, 3, 1 }, strategy.place({ "n2/a", "n3/b", "n1/c" }, VIEW, { factor = 1 }))
  end)

  it("answers the same for the same arguments, and an index for every id", function()
    local ids = { "x", "y", "gone/z" }
    local owners = strategy.place(ids, VIEW, { factor = 1 })
    assert.are.same(owners, strategy.place(ids, VIEW, { factor = 1 }))
    for _, owner in ipairs(owners) do
      assert.is_true(owner >= 1 and owner <= 3)
    end
  end)

  it("refuses ids that are too long", function()
    assert.is_true(strategy.init({ { id = "short" } }))
    assert.is_nil((strategy.init({ { id = ("x"):rep(201) } })))
  end)

  it("is a strategy that a hub accepts", function()
    dofile("spec/luahub/fake_core.lua").install()
    assert.is_nil(require("luahub.strategy").problem("distribution", strategy))
  end)

  it("decides on a running node #slow", function()
    local directory, remove = helper.temporary_directory()
    local name = "example" .. directory:gsub("%W", "")
    local file = directory .. "/node.lua"
    helper.write_file(file, ([[
      package.path = "./examples/?.lua;" .. package.path
      return {
        node = { name = %q },
        hubs = { { id = "main", distribution = require("strategy_by_name"),
          children = { { id = %q, start = { "counter", 3 } } } } },
      }]]):format(name, name .. "/counter"))
    local script = ([[
      export LUAHUB_RUNTIME_DIR=%s
      bin/luahub start %s > %s/log 2>&1 & node=$!
      trap 'kill -9 $node 2>/dev/null' EXIT
      until grep -qs ready %s/log || ! kill -0 $node 2>/dev/null; do sleep 0.02; done
      cat %s/log
      bin/luahub eval %s 'return hub:call("%s/counter", "increment")'
      bin/luahub stop %s
      wait $node; echo "exit $?"]]):format(directory, file, directory, directory, directory, name, name, name)
    local output = helper.run(script, 20)
    remove()
    assert.are.equal(("luahub: %s ready, local only\n4\nexit 0\n"):format(name), output)
  end)
end)
