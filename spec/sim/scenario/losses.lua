-- losses.lua (spec) - nodes join, leave, are killed and are cut off, and nothing is lost of what ProcessHub lost then:
-- L-2 (hub hot), L-8 (sided), L-9 (told), L-12 (static), L-14 (load), L-25 (guided), L-26 (undone).
local luahub = require("luahub")

local PROBE, COUNT = { "luahub.sim.probe" }, 8

local static = {}
for i = 1, COUNT do
  static[i] = { id = "s" .. i, start = PROBE }
end

local function hear(key)
  return { [key] = { { id = "hear", handler = { "hearer", "hear", key } } } }
end

local function not_alone(view)
  return #view.nodes > 1, "this node is alone"
end

-- id -> the nodes where it has a body, as one text.
local function placed(world, hub)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      if child.hub == hub then out[child.id] = (out[child.id] and out[child.id] .. "+" or "") .. name end
    end
  end
  return out
end

local function ids_on(world, hub, node)
  local out = {}
  for id, where in pairs(placed(world, hub)) do
    if where == node then out[#out + 1] = id end
  end
  table.sort(out)
  return out
end

local function expect_once(world, hub, prefix)
  local now = placed(world, hub)
  for i = 1, COUNT do
    local where = now[prefix .. i]
    world:expect(where and not where:find("+", 1, true), "each child of every hub runs once",
      ("%s of %s runs on %s"):format(prefix .. i, hub, tostring(where)))
  end
end

local function ask(world, name, code, ...)
  local answer, err = world:eval(name, 'local luahub = require("luahub") ' .. code, ...)
  world:expect(answer ~= nil, "an answer", err and err.message)
  return answer
end

local GUIDED = [[
  local specs, mapping = {}, {}
  for i = 1, 8 do
    specs[i] = { id = "g" .. i, start = { "luahub.sim.probe" } }
    mapping["g" .. i] = "n" .. (i - 1) % 4 + 1
  end
  local hub = luahub.hub("guided")
  return luahub.await(hub:start_children(specs, { awaitable = true, child_mapping = mapping })):status()]]

-- Its children take up to 2 s to start; the call may be over before.
local UNDONE = [[
  local timeout = ...
  local specs = {}
  for i = 1, 8 do specs[i] = { id = "u" .. i, start = { "luahub.sim.probe", 250 * i } } end
  local options = { awaitable = true, timeout = timeout, on_failure = "rollback", disable_logging = true }
  local result = luahub.await(luahub.hub("undone"):start_children(specs, options))
  return { failed = result:status() ~= "ok", rolled = select(3, result:format()) == "rollback" }]]

local function start_all(world)
  for hub, prefix in pairs({ hot = "h", told = "t", load = "l" }) do
    local specs = {}
    for i = 1, COUNT do
      specs[i] = { id = prefix .. i, start = PROBE }
    end
    local result = world:start(specs, { hub = hub, on = "n" .. world.random:between(1, 4) })
    world:expect(result and #result.errors == 0, "children start")
  end
  world:expect(ask(world, "n2", GUIDED) == "ok", "guided children start")
end

local function check_all(world)
  for hub, prefix in pairs({ hot = "h", told = "t", load = "l", static = "s", guided = "g" }) do
    expect_once(world, hub, prefix)
  end
end

-- L-9: what the hooks of all nodes were told of each child, once more than before for those of the dead alone.
local function heard(world)
  local sums = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, id in ipairs(ask(world, name, [[return luahub.storage.get("told", "heard") or {}]])) do
      sums[id] = (sums[id] or 0) + 1
    end
  end
  return sums
end

local function kill_and_listen(world)
  local victim = "n" .. world.random:between(2, 4)
  local before, lost = heard(world), {}
  local of_victim = ask(world, victim, [[return luahub.storage.get("told", "heard") or {}]])
  for _, id in ipairs(of_victim) do
    before[id] = before[id] - 1
  end
  for _, id in ipairs(ids_on(world, "told", victim)) do
    lost[id] = true
  end
  world:crash(victim)
  world:run_for(20000)
  local after = heard(world)
  for i = 1, COUNT do
    local id = "t" .. i
    local more = (after[id] or 0) - (before[id] or 0)
    world:expect(more == (lost[id] and 1 or 0), "L-9: child_registered is told of each child of the dead, once",
      ("%s was told %d times"):format(id, more))
  end
  check_all(world)
  world:settle()
end

-- L-26: the node that is asked may die, or be cut off, meanwhile.
local function give_up(world)
  local answer
  local timeout = world.random:between(100, 2500)
  local command = world:begin("n1", "eval", function(ok, value)
    answer = ok and value.value or {}
  end, 60000, 'local luahub = require("luahub") ' .. UNDONE, timeout)
  world:run_for(world.random:between(1, timeout))
  local victim = "n" .. world.random:between(2, 4)
  if world.random:once_in(2) then world:crash(victim) else world:isolate(victim, world:nodes(), "cut") end
  world:run_for(world.random:between(1000, 20000))
  world:settle()
  world:expect(command.done and answer.failed ~= nil, "L-26: the start is answered")
  local running = 0
  for _ in pairs(placed(world, "undone")) do
    running = running + 1
  end
  world:expect(running == (answer.failed and 0 or COUNT) and answer.rolled == answer.failed,
    "L-26: all of a start with rollback run, or none", ("%d run, failed %s"):format(running, tostring(answer.failed)))
end

-- L-8: who is asked on a side that may not act says so at once.
local function ask_the_smaller_side(world)
  local alone = "n" .. world.random:between(2, 4)
  world:isolate(alone, world:nodes(), "cut")
  world:eventually("it knows that it is alone", function()
    return ask(world, alone, [[return luahub.hub("sided"):is_partitioned()]])
  end, 60000)
  local codes = ask(world, alone, [[
    local began = os.clock()
    local hub = luahub.hub("sided")
    local result = luahub.await(hub:start_child({ id = "x", start = { "luahub.sim.probe" } }, { awaitable = true }))
    return { result:errors()[1] and result:errors()[1].code or "none", os.clock() - began < 1 }]])
  world:expect(codes[1] == "partitioned" and codes[2], "L-8: a side that may not act says so at once", codes[1])
  world:settle()
  check_all(world)
end

return {
  hubs = {
    { id = "hot", migration = luahub.migration.hot_swap() },
    { id = "told", hooks = hear("child_registered") },
    { id = "static", children = static },
    { id = "load", distribution = luahub.distribution.load_balancer() },
    { id = "guided", distribution = luahub.distribution.guided() },
    { id = "undone" },
    { id = "sided", partition_tolerance = { may_act = not_alone } },
  },
  nodes = 4,
  run = function(world)
    world:always_each(require("luahub.sim.safety").broken)
    world:cluster(4)
    start_all(world)
    for _ = 1, world.random:between(1, 3) do
      world:add()
      world:run_for(world.random:between(1, 2000))
    end
    world:settle()
    check_all(world) -- L-2, L-12: after joins
    world:leave("n5")
    world:eventually("n5 has left", function() return not world:is_up("n5") end, 40000)
    world:settle() -- two that return at one instant may act before they meet the others
    kill_and_listen(world)
    give_up(world)
    ask_the_smaller_side(world)
  end,
}
