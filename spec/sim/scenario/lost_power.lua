-- lost_power.lua (spec) - what a crash takes with it, and what a graceful stop does not: the counts that children carry
-- along, and their terminate. Then the whole cluster goes, by crashes or by graceful stops: what was declared in FILE
-- starts anew, and nothing else is there. Told by the children.

local luahub = require("luahub")

local CALLS = 3

local static = {}
for i = 1, 6 do static[i] = { id = "s" .. i, start = { "ledger" } } end

-- Without a deadline of the simulator's own: of what is lost with all nodes it would say so.
local START = [[
  local hub = require("luahub").hub("shop")
  local specs = {}
  for i = 1, 12 do specs[i] = { id = "d" .. i, start = { "ledger" } } end
  return hub:start_children(specs, { awaitable = true }):await():status()]]

local function ids_on(world, name)
  local out = {}
  for _, child in ipairs(world:children(name)) do out[#out + 1] = child.id end
  table.sort(out)
  return out
end

local function all_ids(world)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, id in ipairs(ids_on(world, name)) do out[#out + 1] = id end
  end
  table.sort(out)
  return out
end

local function count(world, id)
  local value, err = world:call(id, "more", { on = world:nodes(true)[1], hub = "shop", timeout = 15000 })
  world:expect(value, id .. " answers", err and err.message)
  return value
end

local function count_up(world)
  for _, id in ipairs(all_ids(world)) do
    for _ = 1, CALLS do count(world, id) end
  end
end

local function ended(world)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, line in ipairs(world:eval(name, [[return require("luahub").storage.get("shop", "ended") or {}]])) do
      out[#out + 1] = line
    end
  end
  return out
end

-- A node leaves: its counts go along, and each of its children is told.
local function leave(world)
  local gone = ids_on(world, "n2")
  world:expect(#gone > 0, "n2 has children")
  world:leave("n2")
  world:eventually("n2 has left", function() return not world:is_up("n2") end, 40000)
  world:settle(60000)
  for _, id in ipairs(gone) do
    local value = count(world, id)
    world:expect(value == CALLS + 1, "a graceful stop keeps what is handed over", ("%s says %d"):format(id, value))
  end
end

-- A node dies: its counts are lost, and those elsewhere are not; on no other node does an instance end for it.
local function die(world)
  local gone, others = ids_on(world, "n3"), ids_on(world, "n1")
  table.move(ids_on(world, "n2"), 1, #static + 12, #others + 1, others)
  local before = {}
  for _, id in ipairs(others) do before[id] = count(world, id) end
  world:crash("n3")
  local told = #ended(world)
  world:expect(told > 0, "those that moved here and there were told")
  world:eventually("they run again", function() return #all_ids(world) == #gone + #others end, 30000)
  for _, id in ipairs(gone) do
    local value = count(world, id)
    world:expect(value == 1, "a crash loses the state", ("%s says %d"):format(id, value))
  end
  for id, value in pairs(before) do
    world:expect(count(world, id) == value + 1, "no other child is disturbed", id)
  end
  world:expect(#ended(world) == told, "no instance ends elsewhere for it", table.concat(ended(world), ", "))
end

local function start_anew(world, how)
  for _, name in ipairs(world:nodes(true)) do world[how](world, name) end
  world:eventually("all are gone", function() return #world:nodes(true) == 0 end, 60000)
  world:run_for(1000)
  for _, name in ipairs(world:nodes()) do world:restart(name) end
  world:run_for(30000)
  local ids = table.concat(all_ids(world), " ")
  world:expect(ids == "s1 s2 s3 s4 s5 s6", "the static children of FILE, and nothing else", ids)
  for i = 1, #static do
    world:expect(count(world, "s" .. i) == 1, "each with new state", "s" .. i)
  end
end

return {
  hubs = { { id = "shop", migration = luahub.migration.hot_swap({ handover = true }), children = static } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:expect(world:eval("n1", START) == "ok", "twelve more start")
    world:settle()
    count_up(world)
    leave(world)
    world:run_for(world.random:between(1, 8000))
    world:restart("n2")
    world:settle(60000)
    die(world)
    world:restart("n3")
    world:settle(60000)
    start_anew(world, "crash")
    world:expect(world:eval("n1", START) == "ok", "twelve more start")
    start_anew(world, "leave")
  end,
}
