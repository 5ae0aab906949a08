-- A thousand children with state that change their nodes, as ProcessHub's own tests have it.
local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 1000)

local function hub_of_one(world)
  local n1 = world:start("n1")
  n1:start_children(IDS, 'metadata = { tag = "many" }')
  n1:eval([[for i = 1, 1000 do assert(hub:call("c" .. i, { "add", i })) end return true]])
  local nodes = { n1 }
  for i = 2, 6 do nodes[i] = world:launch("n" .. i, { join = { n1 } }) end
  for _, node in ipairs(nodes) do node:ready() end
  return nodes, world:settled(nodes, IDS)
end

local function assert_kept(node)
  assert.are.equal(1000 * 1001 // 2, node:sum(IDS))
  assert.are.equal(1000, node:eval("return #hub:tag_query('many')"))
end

describe("A thousand children with state", function()
  it("T-015 keep it when five nodes join the one that runs them; T-016 and when one of the six stops", function()
    cluster.with({ hot = true }, function(world)
      local nodes, places = hub_of_one(world)
      local used = {}
      for _, name in pairs(places) do used[name] = true end
      for _, node in ipairs(nodes) do assert.is_true(used[node.name], node.name .. " has none") end
      assert_kept(nodes[4])
      local last = table.remove(nodes)
      assert.are.equal(0, last:leave())
      world:settled(nodes, IDS)
      assert.are.same({}, world:left_behind(last))
      assert_kept(nodes[2])
    end)
  end)
end)
