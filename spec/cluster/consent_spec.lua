-- Children of real nodes that are asked before they move. Their order of events is tried in spec/hub/consent_spec.lua.
local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 40)
local CONSENT = "handover = true, consent = { timeout = 1000, retry_interval = %d, max_defer_time = 600000 }"
local KINDS = {
  { "in a hot swap", "migration = luahub.migration.hot_swap { " .. CONSENT .. " }" },
  { "in a migration of the user's", "migration = { " .. CONSENT .. [[, move = function(children)
      local plan = {}
      for i = 1, #children do plan[i] = "hot" end
      return plan
    end }]] },
}

local function world_with(kind, retry, body)
  cluster.with({ hub = kind[2]:format(retry) }, function(world)
    world.hot = true
    world:write("note.lua", [[
      return { put_off = function(data)
        for _, id in ipairs(data.child_ids) do print("put off: " .. id .. ".") end
      end }]])
    body(world)
  end)
end

-- Every other one puts its move off.
local function start(node)
  node:eval([[
    local specs = {}
    for i = 1, 40 do
      local word = i % 2 == 0 and "ready" or ({ "defer", "raise", "wait", "defer" })[i // 2 % 4 + 1]
      specs[i] = { id = "c" .. i, start = { "shy", word } }
    end
    assert(hub:start_children(specs, { awaitable = true }):await(10000):status() == "ok")
    for i = 1, 40 do assert(hub:call("c" .. i, { "add", i })) end
    hub:register_hook_handlers("migration_deferred", { { id = "t", handler = { "note", "put_off" } } })
    return true]])
end

-- The numbers of those that belong on a node, by what every node computes.
local function belonging(node, name)
  local numbers = node:eval(([[
    local out, all = {}, luahub.distribution.rendezvous{}
    local ids = {}
    for i = 1, 40 do ids[i] = "c" .. i end
    local nodes = hub:nodes{ include_local = true }
    local places = all.place(ids, { nodes = nodes, self = nodes[1], hub = "main" }, { factor = 1 })
    for i = 1, 40 do
      if nodes[places[i] ] == %q then out[#out + 1] = i end
    end
    return out]]):format(name))
  for k, i in ipairs(numbers) do numbers[k] = math.tointeger(i) end
  return numbers
end

local function place(node, i)
  return node:registry().nodes["c" .. i]
end

local function await_moved(n1, shy)
  cluster.eventually("they have gone to n2", function()
    for _, i in ipairs(shy) do
      if place(n1, i) ~= "n2" then return false, "c" .. i end
    end
    return true
  end)
end

local function put_off(node)
  local count = 0
  for _ in node:output():gmatch("put off: c%d+%.\n") do count = count + 1 end
  return count
end

local function joined(world)
  local n1 = world:start("n1")
  start(n1)
  local n2 = world:start("n2", { join = { n1 } })
  cluster.eventually("they see each other", function()
    return n1:eval("return #hub:nodes{ include_local = true }") == 2
  end)
  local movers = belonging(n1, "n2")
  local shy = {}
  for _, i in ipairs(movers) do
    if i % 2 == 1 then shy[#shy + 1] = i end
  end
  assert.is_true(#shy > 0 and #shy < #movers)
  cluster.eventually("those that are ready have moved, and the others are put off", function()
    local nodes, moved = n1:registry().nodes, 0
    for _, i in ipairs(movers) do moved = moved + (nodes["c" .. i] == "n2" and 1 or 0) end
    local off = put_off(n1)
    return moved == #movers - #shy and off == #shy, ("%d of %d moved, %d put off"):format(moved, #movers, off)
  end)
  return n1, n2, shy
end

for _, kind in ipairs(KINDS) do
  describe("Children that are asked before they move " .. kind[1], function()
    it("stay as long as they put it off, and go with their state when they are ready (H3 to H7, H12)", function()
      world_with(kind, 1000, function(world)
        local n1, n2, shy = joined(world)
        assert.are.equal(40 * 41 // 2, n2:sum(IDS))
        for _, i in ipairs(shy) do
          assert.are.equal("n1", place(n1, i))
          n2:eval(("return hub:call('c%d', { 'answer', 'ready' })"):format(i))
        end
        await_moved(n1, shy)
        world:settled({ n1, n2 }, IDS)
        assert.are.equal(40 * 41 // 2, n2:sum(IDS))
        assert.are.equal(#shy, put_off(n1))
      end)
    end)

    it("go at once when they say so themselves, from any node", function()
      world_with(kind, 600000, function(world)
        local n1, n2, shy = joined(world)
        for _, i in ipairs(shy) do
          assert.is_true(n2:eval(("return hub:migration_ready('c%d')"):format(i)))
        end
        await_moved(n1, shy)
        assert.are.same({ "not_deferred", "not_found" }, n1:eval(([[
          local _, one = hub:migration_ready("c%d")
          local _, other = hub:migration_ready("none")
          return { one.code, other.code }]]):format(shy[1])))
        world:settled({ n1, n2 }, IDS)
        assert.are.equal(40 * 41 // 2, n2:sum(IDS))
      end)
    end)

    it("go with their state at the deadline of a drain (I7)", function()
      world_with(kind, 600000, function(world)
        local n1, n2, shy = joined(world)
        n1:eval(([[
          for i = 1, 40 do
            local child = hub:child_lookup("c" .. i)
            if child.instances[1].node == "n1" then
              hub:call("c" .. i, { "answer", i == %d and "defer" or "ready" })
            end
          end
          return true]]):format(shy[1]))
        local result = n1:eval("return hub:drain{ deadline = 4000 }")
        assert.are.same({}, result.failed)
        assert.is_true(result.forced >= 1)
        world:settled({ n1, n2 }, IDS)
        assert.are.equal(0, n1:eval("return #hub:process_list('local')"))
        assert.are.equal(40 * 41 // 2, n2:sum(IDS))
        assert.matches("children that put off their move have had their time and are moved", n1:output(), 1, true)
      end)
    end)
  end)
end
