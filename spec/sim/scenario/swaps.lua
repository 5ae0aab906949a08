-- swaps.lua (spec) - nodes join, and children move to them, cold, hot, and hot with their state: what ProcessHub's
-- scenarios G and losses L-1, L-3, L-13, L-21 and L-30 say of it, and C3, three nodes that die within 300 ms.
local luahub = require("luahub")

local COUNT = 40

local function move_nothing(children)
  local out = {}
  for i = 1, #children do
    out[i] = false
  end
  return out
end

-- A strategy of the user's with a fault in it.
local function raise_for_bad(ids, view)
  local owners = {}
  for i, id in ipairs(ids) do
    if id:match("^bad") then error("a fault of its own") end
    owners[i] = (i - 1) % #view.nodes + 1
  end
  return owners
end

local function each_body(world, hub, fn)
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      if child.hub == hub then fn(child, name) end
    end
  end
end

local function copies(world, hub)
  local count = {}
  each_body(world, hub, function(child)
    if not child.prepared then count[child.id] = (count[child.id] or 0) + 1 end
  end)
  return count
end

local function populate(world, hub, module, count)
  local specs = {}
  for i = 1, count or COUNT do
    specs[i] = { id = hub .. i, start = { module } }
  end
  local result = world:start(specs, { hub = hub, on = "n1" })
  world:expect(result and #result.errors == 0, "children start", hub)
end

local function ask(world, hub, i)
  local found, err = world:call(hub .. i, "count", { on = "n1", hub = hub })
  world:expect(found, "a child answers", err and err.message)
  return found
end

local HOMES = [==[
  local hub, ids = ...
  local nodes = require("luahub").hub(hub):nodes{ include_local = true }
  local owners = require("luahub").distribution.rendezvous{}.place(ids, { nodes = nodes }, { factor = 1 })
  local homes = {}
  for i, id in ipairs(ids) do homes[id] = nodes[owners[i]] end
  return homes]==]

local function expect_home(world, hub, number, count)
  local ids, where = {}, {}
  for i = 1, count or COUNT do
    ids[i] = hub .. i
  end
  each_body(world, hub, function(child, name) where[child.id] = (where[child.id] or "") .. name end)
  local homes = assert(world:eval("n1", HOMES, hub, ids))
  for _, id in ipairs(ids) do
    world:expect(where[id] == homes[id], number .. ": each child runs once, and where it belongs",
      ("%s runs on %s, not on %s"):format(id, tostring(where[id]), homes[id]))
  end
end

local function told(world, name, key)
  return assert(world:eval(name, [[return require("luahub").storage.get(...) or {}]], "hot", key))
end

-- Millisecond by millisecond, while a node joins.
local function watch_join(world)
  local busy, moved_at, began = false, nil, world:now()
  local newcomer = world:add()
  for _ = 1, 3000 do
    world:run_for(1)
    for id, count in pairs(copies(world, "cold")) do
      world:expect(count == 1, "G1: a cold swap never has two copies", id)
    end
    local hot = copies(world, "hot")
    for i = 1, COUNT do
      world:expect((hot["hot" .. i] or 0) >= 1, "G2: a hot swap has a copy at every instant", "hot" .. i)
    end
    local look = [[
      local hub = require("luahub").hub("hot")
      local moves = hub:moves()
      return { moves.moving + moves.waiting, hub:is_locked() }]]
    local state = world:eval("n2", look)
    world:expect(state[1] == 0 or state[2], "L-21: it is locked while one child is on its way, whichever has come")
    busy = busy or state[1] > 0
    if busy and state[1] == 0 then moved_at = moved_at or world:now() - began end
  end
  world:expect(moved_at, "children have moved")
  world:expect(moved_at < 1000, "L-3: no child waits for the end of its hand-over", moved_at .. " ms")
  return newcomer
end

-- While children are on their way others start: nobody's state is taken for theirs.
local function join_while_others_start(world)
  world:add()
  for i = 1, 30 do
    world:begin_start({ { id = "new" .. i, start = { "counted" } } }, { hub = "hot", on = "n" .. i % 2 + 1 })
    world:run_for(20)
  end
  world:settle()
  for i = 1, COUNT do
    local found = ask(world, "hot", i)
    world:expect(found == 3, "L-13: no state is lost to another child's start", ("hot%d: %d"):format(i, found))
  end
end

local function check_hooks(world, newcomer)
  local moved = {}
  for _, name in ipairs({ "n1", "n2" }) do
    for _, data in ipairs(told(world, name, "handover_delivered")) do
      if data.target_node == newcomer then moved[data.child_ids[1]] = true end
    end
  end
  each_body(world, "hot", function(child, name)
    world:expect(name ~= newcomer or moved[child.id], "G3: handover_delivered names the child and where it went",
      child.id)
  end)
  for _, name in ipairs({ "n1", "n2" }) do
    world:expect(#told(world, name, "still") == 0, "G13: who moved nothing says nothing", name)
  end
end

-- Each handler hears of the nodes in the order in which they came.
local function check_order(world)
  local seen = {}
  for _, key in ipairs({ "before", "after" }) do
    local names = {}
    for i, data in ipairs(told(world, "n1", key)) do
      names[i] = data.node
    end
    seen[key] = table.concat(names, " ")
  end
  world:expect(#seen.before > 0 and seen.before == seen.after, "L-30: events come in their order, whatever moves",
    ("%s, and %s"):format(seen.before, seen.after))
end

local function check_refused(world, newcomer)
  local count, there, ids = 0, 0, {}
  each_body(world, "picky", function(child, name)
    count = count + 1
    there = there + (name == newcomer and 1 or 0)
    ids[count] = child.id
  end)
  world:expect(count == 10 and there == 0, "G4: where the start there fails the old copies run on", count .. " run")
  table.sort(ids)
  world:stop(ids, { hub = "picky", on = "n1" })
end

local function four_at_once(world)
  for _ = 1, 4 do
    world:add()
  end
  world:settle()
  expect_home(world, "cold", "L-1")
  expect_home(world, "hot", "L-1")
end

local function three_die(world)
  local victims = world:nodes(true)
  for i = 0, 2 do
    world:crash(victims[#victims - i])
    world:run_for(100)
  end
  world:eventually("C3: three nodes die within 300 ms, and each child runs once", function()
    for _, hub in ipairs({ "cold", "hot" }) do
      local count = copies(world, hub)
      for i = 1, COUNT do
        if count[hub .. i] ~= 1 then return false, ("%s%d: %s"):format(hub, i, tostring(count[hub .. i])) end
      end
    end
    return true
  end, 20000)
  for i = 1, COUNT do
    ask(world, "hot", i)
  end
end

local function fail_and_go_on(world)
  local bad = world:start({ { id = "bad1", start = { "counted" } } }, { hub = "faulty", on = "n1" })
  world:expect(bad and #bad.errors == 1, "a strategy that raises fails the start")
  local good = world:start({ { id = "good1", start = { "counted" } } }, { hub = "faulty", on = "n1" })
  world:expect(good and #good.errors == 0, "T-434: the next one is not touched")
  world:eventually("T-434: and nothing stays locked", function()
    return world:eval("n1", [[return require("luahub").hub("faulty"):is_locked()]]) == false
  end, 5000)
end

return {
  hubs = {
    { id = "cold" },
    { id = "hot", migration = luahub.migration.hot_swap({ handover = true }),
      hooks = {
        handover_delivered = { { id = "hear", handler = { "rounds", "hear", "hot", "handover_delivered" } } },
        pre_node_join = { { id = "hear", handler = { "rounds", "hear", "hot", "before" } } },
        post_node_join = { { id = "hear", handler = { "rounds", "hear", "hot", "after" } } },
      } },
    { id = "still", migration = { move = move_nothing },
      hooks = { migration_completed = { { id = "hear", handler = { "rounds", "hear", "hot", "still" } } } } },
    { id = "picky", migration = luahub.migration.hot_swap({ handover = true }) },
    { id = "faulty", distribution = { place = raise_for_bad } },
  },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    for _, name in ipairs({ "n1", "n2" }) do
      assert(world:eval(name, [[return require("luahub").storage.insert("picky", "willing", true)]]))
    end
    for _, hub in ipairs({ "cold", "hot", "still" }) do
      populate(world, hub, "counted")
    end
    world:settle()
    for i = 1, COUNT do
      ask(world, "hot", i)
    end
    populate(world, "picky", "willing", 10)
    local newcomer = watch_join(world)
    check_refused(world, newcomer)
    world:settle()
    expect_home(world, "hot", "L-1")
    for i = 1, COUNT do
      world:expect(ask(world, "hot", i) == 2, "L-3: each goes on, and none was told what it does not know", "hot" .. i)
    end
    check_hooks(world, newcomer)
    join_while_others_start(world)
    fail_and_go_on(world)
    four_at_once(world)
    check_order(world)
    three_die(world)
    world:settle()
  end,
}
