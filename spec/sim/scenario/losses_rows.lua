-- losses_rows.lua (spec) - what each node knows of the children, and is answered, while nodes join, leave, are killed
-- and lose packets: L-5 (a start and a stop that meet a join), L-16 (a restart that fails first), L-19 (what comes late
-- or twice), L-24 (three start the same at once), L-29 (one row for each child). Truth is what runs, and whom the
-- children say that they are.
local COUNT = 8

local function ids_of(prefix)
  local ids = {}
  for i = 1, COUNT do ids[i] = prefix .. i end
  return ids
end

local START = [[
  local specs = {}
  for i, id in ipairs((...)) do specs[i] = { id = id, start = { "stumbling" } } end
  local options = { awaitable = true, check_existing = false, timeout = 20000, disable_logging = true }
  local result = require("luahub").hub("shop"):start_children(specs, options):await()
  local codes = {}
  for _, id in ipairs(result:cids()) do codes[id] = "ok" end
  for _, err in ipairs(result:errors()) do codes[err.id] = (codes[err.id] or "") .. err.code end
  return codes]]

local STOP = [[
  local result = require("luahub").hub("shop"):stop_children((...), { awaitable = true, timeout = 20000 }):await()
  local codes = {}
  for _, id in ipairs(result:cids()) do codes[id] = "ok" end
  for _, err in ipairs(result:errors()) do codes[err.id] = (codes[err.id] or "") .. err.code end
  return codes]]

-- For each id how many instances this node lists, and whether the child says that it is the one that is listed.
local KNOWN = [[
  local hub = require("luahub").hub("shop")
  local out = { count = #hub:process_list("global") }
  for _, id in ipairs((...)) do
    local child = hub:child_lookup(id)
    local pid = child and #child.instances == 1 and child.instances[1].pid
    out[id] = not child and "not listed" or #child.instances ~= 1 and #child.instances .. " instances"
      or not pid and "no pid" or hub:call(id, "who") ~= pid and "another pid" or "true"
  end
  return out]]

-- id -> how many bodies it has.
local function bodies(world)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do out[child.id] = (out[child.id] or 0) + 1 end
  end
  return out
end

local function expect_known(world, ids)
  local running = bodies(world)
  for _, id in ipairs(ids) do
    world:expect(running[id] == 1, "each child runs once", ("%s has %s bodies"):format(id, tostring(running[id])))
  end
  for _, name in ipairs(world:nodes(true)) do
    local known, err = world:eval(name, KNOWN, ids)
    world:expect(known ~= nil, "an answer", err and err.message)
    world:expect(known.count == #ids, "L-19: nothing else is listed", name .. " lists " .. known.count)
    for _, id in ipairs(ids) do
      world:expect(known[id] == "true", "L-16, L-29: one row for each child, of the process that runs",
        ("%s knows of %s: %s"):format(name, id, known[id]))
    end
  end
end

-- Asks, and lets time pass until all are answered. `meanwhile` happens at once after.
local function ask(world, names, code, ids, meanwhile)
  local answers, commands = {}, {}
  for i, name in ipairs(names) do
    commands[i] = world:begin(name, "eval", function(ok, value) answers[i] = ok and value.value end, 30000, code, ids)
    if world.random:once_in(2) then world:run_for(world.random:between(1, 20)) end
  end
  if meanwhile then meanwhile() end
  for _, command in ipairs(commands) do
    world:eventually("it is answered", function() return command.done end, 21000)
  end
  return answers
end

local function trouble(world)
  local name = "n" .. world.random:between(2, 4)
  if not world:is_up(name) then return end
  local kind = world.random:between(1, 4)
  if kind == 1 and #world.names < 7 then
    world:add()
  elseif kind == 2 then
    world:crash(name)
  elseif kind == 3 then
    world:leave(name)
  else
    world:stall(name, world.random:between(50, 1500))
  end
end

-- L-24: one of them starts it, the others are told that it is there.
local function start_at_once(world)
  local ids = ids_of("a")
  local answers = ask(world, { "n1", "n2", "n3" }, START, ids)
  for _, id in ipairs(ids) do
    local started = 0
    for i = 1, 3 do
      local code = answers[i] and answers[i][id]
      if code == "ok" then started = started + 1 end
      world:expect(code == "ok" or code == "already_started", "L-24: it is started, or there already",
        ("%s for n%d: %s"):format(id, i, tostring(code)))
    end
    world:expect(started == 1, "L-24: one of three starts it", ("%s: %d do"):format(id, started))
  end
  world:settle()
  expect_known(world, ids)
end

-- L-5: each child is answered for once, whoever joins.
local function ask_beside_a_join(world)
  local ids = ids_of("b")
  local name = "n" .. world.random:between(1, 4)
  for _, code in ipairs { START, STOP } do
    local answers = ask(world, { name }, code, ids, function() world:add() end)
    for _, id in ipairs(ids) do
      local got = answers[1] and answers[1][id]
      world:expect(got == "ok", "L-5: each child is answered for once", ("%s: %s"):format(id, tostring(got)))
    end
  end
  world:settle()
  expect_known(world, ids_of("a"))
end

-- None fails twice: one that crashed too often would wait for its next start.
local function stumble(world)
  local ids, left = ids_of("a"), ids_of("a")
  world:drop(0.03)
  world:duplicate(0.05)
  world:reorder(0.1)
  for _ = 1, world.random:between(2, 4) do
    world:eval("n1", [[require("luahub").hub("shop"):cast(..., "fail as told") return true]],
      table.remove(left, world.random:between(1, #left)))
    world:run_for(world.random:between(1, 1500))
    trouble(world)
    world:run_for(world.random:between(1, 4000))
  end
  world:clear_up()
  world:settle()
  expect_known(world, ids)
end

return {
  hubs = { { id = "shop" } },
  nodes = 4,
  run = function(world)
    world:always_each(require("luahub.sim.safety").broken)
    world:cluster(4)
    start_at_once(world)
    ask_beside_a_join(world)
    stumble(world)
  end,
}
