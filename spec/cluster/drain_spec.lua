-- Nodes that take no children any more, and go on living. The numbers are those of the scenarios of drain that
-- ProcessHub's later versions describe.
local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 60)

-- A migration strategy that moves nothing while there is a file "stay".
local STAY = [[migration = { move = function(children)
    local file = io.open("stay")
    if file then file:close() end
    local plan = {}
    for i in ipairs(children) do plan[i] = not file and "cold" end
    return plan
  end } ]]

local function runs_on(node, name)
  local count = 0
  for _, place in pairs(node:registry().nodes) do
    if place == name then count = count + 1 end
  end
  return count
end

local function here(node)
  return node:eval("return #hub:process_list('local')")
end

local function comes_back(world, nodes, node)
  world:settled(nodes, IDS)
  cluster.eventually("children come to " .. node.name, function()
    return here(node) > 0
  end)
end

describe("T-421: A node that is drained", function()
  it("hands all on with their state, takes none, and takes some again when told to (I1, I5, I11)", function()
    cluster.with({ hot = true }, function(world)
      local n1, n2, n3 = table.unpack(world:hub_of(3, IDS))
      n1:eval([[for i = 1, 60 do assert(hub:call("c" .. i, { "add", i })) end return true]])
      local had = here(n2)
      assert.is_true(had > 0)
      world:write("note.lua", [[
        return { down = function(data) print(("drained: %d %d"):format(data.moved, data.forced)) end }]])
      n2:eval('return hub:register_hook_handlers("drain_completed", { { id = "t", handler = { "note", "down" } } })')
      assert.are.same({ moved = had, forced = 0, failed = {} }, n2:eval("return hub:drain()"))
      assert.are.equal(0, here(n2))
      assert.are.equal(60 * 61 // 2, n2:sum(IDS))
      cluster.eventually("the hook was called", function()
        return n2:output():find(("drained: %d 0"):format(had), 1, true), n2:output()
      end)
      world:settled({ n1, n2, n3 }, IDS)
      local more = cluster.ids("d", 30)
      n2:start_children(more)
      assert.are.equal(0, runs_on(n1, "n2"))
      assert.are.same({ state = "drained", left = 0, moved = had, forced = 0 }, n2:eval("return hub:drain_state()"))
      assert.is_true(n2:eval("return hub:undrain()"))
      n1:stop_children(more)
      comes_back(world, { n1, n2, n3 }, n2)
      assert.are.equal(60 * 61 // 2, n3:sum(IDS))
      assert.are.equal("open", n2:eval("return hub:drain_state().state"))
    end)
  end)

  it("is left by the others' moves too, and its children are recovered when their new node dies", function()
    cluster.with(nil, function(world)
      local n1, n2, n3 = table.unpack(world:hub_of(3, IDS))
      n3:eval("return hub:drain()")
      n2:kill()
      world:settled({ n1, n3 }, IDS)
      assert.are.equal(60, here(n1))
      local n4 = world:start("n4", { join = { n1 } })
      comes_back(world, { n1, n3, n4 }, n4)
      assert.are.equal(0, here(n3))
    end)
  end)

  it("keeps everything when nobody else takes children (I2)", function()
    cluster.with(nil, function(world)
      local n1, n2 = table.unpack(world:hub_of(2, IDS))
      n1:eval("return hub:drain()")
      assert.are.same({ "no_nodes", "no other node takes children of hub 'main'" },
        n2:eval("local _, err = hub:drain() return { err.code, err.message }"))
      assert.are.equal(60, here(n2))
    end)
  end)

  it("moves cold after the deadline what its strategy keeps, though nobody waits any more (I7, I12)", function()
    cluster.with({ hub = STAY }, function(world)
      local n1, n2 = table.unpack(world:hub_of(2, IDS))
      world:write("stay", "")
      local had = here(n2)
      -- The session that asks ends long before.
      local ok, _, status = n2:try("return hub:drain{ deadline = 1500 }", { timeout = 300 })
      assert.are.same({ false, 5 }, { ok, status })
      cluster.eventually("it is drained", function()
        local state = n2:eval("return hub:drain_state()")
        return state.state == "drained" and state.forced == had and state.left == 0, state.state
      end)
      assert.is_truthy(n2:output():find("children are left at the deadline of the drain and are moved cold", 1, true))
      world:settled({ n1, n2 }, IDS)
      assert.are.equal(60, here(n1))
    end)
  end)

  it("says what stays when the drain is taken back (I4)", function()
    cluster.with({ hub = STAY }, function(world)
      local n1, n2 = table.unpack(world:hub_of(2, IDS))
      world:write("stay", "")
      local had = here(n2)
      local answer = n2:background("return hub:drain{ deadline = 600000 }")
      cluster.eventually("it is draining", function()
        return n2:eval("return hub:drain_state().state") == "draining"
      end)
      assert.are.equal("draining", n2:eval("local _, err = hub:drain() return err.code"))
      assert.are.equal("draining", n2:eval("local _, err = hub:cordon() return err.code"))
      assert.is_true(n2:eval("return hub:undrain()"))
      local result = answer()
      assert.are.same({ 0, 0, had }, { result.moved, result.forced, #result.failed })
      assert.are.equal("the drain was taken back", result.failed[1].message)
      world:settled({ n1, n2 }, IDS)
      assert.are.equal(had, here(n2))
    end)
  end)

  it("is drained, cordoned and opened from the command line", function()
    cluster.with(nil, function(world)
      local n1, n2 = table.unpack(world:hub_of(2, IDS))
      local had = here(n2)
      assert.are.same({ ("main: %d moved, 0 of them after the deadline\n"):format(had), 0 }, { world:run("drain n2") })
      cluster.eventually("n1 says so", function()
        local text = world:run("members n1")
        return text:find("n2 +alive +127%.0%.0%.1:%d+ +main %(takes none%)"), text
      end)
      assert.are.same({ "luahub: main: no other node takes children of hub 'main'\n", 1 }, { world:run("drain n1") })
      assert.are.same({ "main: takes children\n", 0 }, { world:run("uncordon n2") })
      comes_back(world, { n1, n2 }, n2)
      assert.are.same({ "main: takes no more children\n", 0 }, { world:run("cordon n2 --hub main") })
      assert.are.same({ "luahub: none: no such hub runs on this node\n", 1 }, { world:run("cordon n2 --hub none") })
    end)
  end)
end)

describe("A node that is cordoned", function()
  it("keeps the children it has and takes no more, until it is told to", function()
    cluster.with(nil, function(world)
      local n1, n2 = table.unpack(world:hub_of(2, IDS))
      local had = here(n2)
      assert.is_true(n2:eval("return hub:cordon()"))
      local more = cluster.ids("d", 30)
      n1:start_children(more)
      assert.are.equal(had, here(n2))
      n1:stop_children(more)
      local n3 = world:start("n3", { join = { n1 } })
      comes_back(world, { n1, n2, n3 }, n3)
      assert.are.equal(had, here(n2))
      assert.is_true(n2:eval("return hub:uncordon()"))
      cluster.eventually("it takes more", function()
        return here(n2) ~= had
      end)
    end)
  end)
end)

describe("A node whose moves are paused", function()
  it("keeps the children that belong elsewhere, until it is told to go on, from the command line too", function()
    cluster.with({ hot = true }, function(world)
      local n1, n2 = table.unpack(world:hub_of(2, IDS))
      n1:eval([[for i = 1, 60 do assert(hub:call("c" .. i, { "add", i })) end return true]])
      assert.are.same({ "main: moves are paused\n", 0 }, { world:run("pause n1") })
      assert.are.same({ "main: moves are paused\n", 0 }, { world:run("pause n2 --hub main") })
      assert.are.same({ paused = true, moving = 0, waiting = 0, put_off = 0, quiet = 0 },
        n1:eval("return hub:moves()"))
      local had = here(n1)
      local n3 = world:start("n3", { join = { n1 } })
      world:settled({ n1, n2, n3 }, IDS)
      assert.are.same({ had, 0 }, { here(n1), here(n3) })
      n2:kill()
      world:settled({ n1, n3 }, IDS)
      assert.is_true(here(n3) > 0)
      assert.are.same({ "main: moves go on\n", 0 }, { world:run("resume n1") })
      comes_back(world, { n1, n3 }, n3)
      assert.is_false(n1:eval("return hub:moves().paused"))
    end)
  end)

  it("are paced where the migration says so, and keep their state", function()
    local hub = "migration = luahub.migration.hot_swap { handover = true, children_per_second = 20 }"
    cluster.with({ hub = hub }, function(world)
      world.hot = true
      local n1 = world:hub_of(1, IDS)[1]
      n1:eval([[for i = 1, 60 do assert(hub:call("c" .. i, { "add", i })) end return true]])
      local n2 = world:start("n2", { join = { n1 } })
      world:settled({ n1, n2 }, IDS)
      assert.is_true(here(n2) > 0)
      assert.are.equal(60 * 61 // 2, n2:sum(IDS))
    end)
  end)
end)
