-- struck.lua (spec) - a third node joins, children that count what they are asked go to it, and the side that gives or
-- the one that takes is struck at a step of a hand-over: killed, or made to stand still, for a moment or until it is
-- taken for dead. The seed says which of all that; 36 seeds in a row are all of it. S1, S2, S6, S12 and the others hold
-- all the while, and in the end each child has counted what was answered, where its state is promised
-- (doc/handover.md, who dies when).
local luahub = require("luahub")
local safety = require("luahub.sim.safety")

local STEPS = { "prepare", "freeze", "transfer", "install", "commit", "release" }
local SIDES = { source = "n2", target = "n3" }
local COUNT, CALL_MS = 8, 2000

local function draw(world)
  local number = world.seed % 36
  local side = number % 2 == 0 and "source" or "target"
  local how = ({ "kill", "moment", "death" })[number // 2 % 3 + 1]
  local stall = { kill = 0, moment = world.random:between(100, 900), death = world.random:between(8000, 40000) }
  return { side = side, node = SIDES[side], step = STEPS[number // 6 + 1], stall = stall[how], how = how }
end

local function each_child()
  local list = {}
  for _, hub in ipairs({ "free", "safe" }) do
    for i = 1, COUNT do
      list[#list + 1] = { hub = hub, id = hub .. i, answered = 0, asked = 0 }
    end
  end
  return list
end

local function ask(world, child)
  if child.pending then return end
  child.pending, child.asked = true, child.asked + 1
  world:begin("n1", "call", function(ok)
    child.pending = false
    if ok then child.answered = child.answered + 1 end
  end, CALL_MS + 5000, child.hub, child.id, "add", CALL_MS)
end

local function ask_all(world, children, ms)
  for _ = 1, ms // 50 do
    for _, child in ipairs(children) do
      ask(world, child)
    end
    world:run_for(50)
  end
end

local function look(world, child)
  local found, err = world:call(child.id, "look", { on = "n1", hub = child.hub })
  world:expect(found, "a child answers at rest", err and ("%s: %s"):format(child.id, err.message))
  return found
end

local function taken_elsewhere(world, child, node)
  for name, role in pairs(world.roles:of(child.hub, child.id)) do
    if name ~= node and role == "took over " .. child.line then return true end
  end
  return false
end

-- Of who is taken for dead: what was of its line alone is lost.
local function is_promised(world, strike, child)
  if not strike.died then return true end
  if strike.side == "target" then return strike.step ~= "release" end
  return child.line:match("^n%d") ~= strike.node or taken_elsewhere(world, child, strike.node)
end

local function check(world, strike, child)
  local found, promised = look(world, child), is_promised(world, strike, child)
  world:expect(not promised or found.line == child.line, "what is promised keeps its state",
    ("%s was of line %s and is of %s"):format(child.id, child.line, found.line))
  world:expect(found.count <= child.asked and (not promised or found.count >= child.answered),
    "what was answered is counted, and nothing twice",
    ("%s counted %d of %d answered and %d asked calls"):format(child.id, found.count, child.answered, child.asked))
end

return {
  hubs = {
    { id = "free", migration = luahub.migration.hot_swap({ handover = true }) },
    { id = "safe", migration = luahub.migration.hot_swap({ handover = true }),
      partition_tolerance = luahub.partition_tolerance.static_quorum({ size = 2, of = 3 }) },
  },
  nodes = 3,
  run = function(world)
    local strike, children = draw(world), each_child()
    world:always_each(safety.broken)
    world:cluster(2)
    world:run_for(12000) -- two of three wait for what the third might have run
    for _, child in ipairs(children) do
      world:start({ id = child.id, start = { "carried" } }, { hub = child.hub, on = "n1" })
    end
    world:settle()
    for _, child in ipairs(children) do
      child.line = look(world, child).line
    end
    if strike.side == "source" then world:strike("n2", "source_" .. strike.step, { stall = strike.stall }) end
    world:add()
    if strike.side == "target" then world:strike("n3", "target_" .. strike.step, { stall = strike.stall }) end
    local epoch = world.core:epoch(world:number_of(strike.node))
    local began = world:now()
    while not world:struck(strike.node) and world:now() - began < 30000 do ask_all(world, children, 50) end
    world:expect(world:struck(strike.node), "the step is come to", strike.side .. "_" .. strike.step)
    ask_all(world, children, strike.stall + 15000)
    world:run_for(CALL_MS + 5000)
    strike.died = strike.how == "kill" or world.core:epoch(world:number_of(strike.node)) ~= epoch
    world:settle()
    for _, child in ipairs(children) do
      check(world, strike, child)
    end
    world:note("%s_%s: %s, %s", strike.side, strike.step, strike.how, strike.died and "taken for dead" or "not missed")
  end,
}
