-- crowd.lua (spec) - more requests than one node answers later, more children than move at a time, more events than
-- wait for a hub that is busy with them, and pids of children that have moved.

local luahub = require("luahub")

local CALLERS, MOVES, EVENTS = 20000, 512, 10000
local CHILDREN, MOVERS = CALLERS + 10, 1500

local function specs_of(first, last)
  local specs = {}
  for i = first, last do
    specs[#specs + 1] = { id = "c" .. i, start = { "ender", "counter" }, shutdown = 60000, restart = "temporary" }
  end
  return specs
end

local function counters(world, name)
  return world:eval(name, "return require('luahub').counters()")
end

local function requests(world)
  world:start(specs_of(1, CHILDREN), { on = "n1" })
  for first = 1, CHILDREN, 4000 do
    world:eval("n1", ([[require("luahub").spawn(function() require("ender").end_all(%d, %d) end)]]):format(
      first, math.min(first + 3999, CHILDREN)))
  end
  world:run_for(5000)
  local told = world:call("counter", nil, { on = "n1" })
  world:expect(told == CALLERS, "so many requests wait", ("%s children were told to end"):format(told))
  local node = counters(world, "n1").node
  world:expect(node.requests_failed == CHILDREN - CALLERS, "the rest is refused", node.requests_failed .. " failed")
  world:run_for(60000)
  world:expect(#world:children("n1") == 11, "what was asked is done, and no more", #world:children("n1") .. " run")
end

local function moves(world)
  world:start(specs_of(CHILDREN + 1, CHILDREN + MOVERS), { on = "n1" })
  local told = world:call("counter", nil, { on = "n1" })
  world:restart("n2")
  world:run_for(10000) -- each takes longer
  local moving = world:call("counter", nil, { on = "n1" }) - told
  world:expect(moving == MOVES, "so many move at a time", moving .. " were told to")
end

local function events(world)
  local answers = world:eval("n1", [[
    local luahub, seen = require("luahub"), {}
    for i = 1, ... do
      local word, err = luahub.dispatcher.dispatch_event(luahub.hub("shop").event_queue, "e", i, { members = "local" })
      seen[word or err.code] = (seen[word or err.code] or 0) + 1
    end
    return seen]], EVENTS + 7)
  world:expect(answers.event_queued == EVENTS and answers.limit == 7, "so many events wait",
    ("%s were queued, %s refused"):format(answers.event_queued, answers.limit))
  world:expect(counters(world, "n1").node.events_dropped == 7, "the refused are counted")
end

-- Children of a hub that hands them over. Messages for the pid that one had on n1 find it for 30 s.
local function old_pids(world)
  local id = world:eval("n1", [[
    local hub = require("luahub").hub("inn")
    for i = 1, #guests do
      if hub:get_pid("g" .. i) ~= guests[i] then return "g" .. i end
    end]])
  local send = ([[require("luahub").cast(guests[%s], "late")]]):format(id:sub(2))
  local function heard()
    world:eval("n1", send)
    world:run_for(100)
    return world:call(id, nil, { on = "n1", hub = "inn" })
  end
  world:expect(heard() == 1, "a message for a child that moved reaches it")
  world:run_for(30000)
  local dropped = counters(world, "n1").actor.dropped
  world:expect(heard() == 1, "half a minute later it does not")
  world:expect(counters(world, "n1").actor.dropped == dropped + 1, "what does not is counted")
end

local function check_in(world)
  local specs = {}
  for i = 1, 20 do
    specs[i] = { id = "g" .. i, start = { "ender" } }
  end
  world:start(specs, { on = "n1", hub = "inn" })
  world:eval("n1", [[
    guests = {}
    for i = 1, 20 do guests[i] = require("luahub").hub("inn"):get_pid("g" .. i) end]])
end

return {
  hubs = { { id = "shop" }, { id = "inn", migration = luahub.migration.hot_swap({ handover = true }) } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    world:crash("n2")
    world:run_for(5000)
    world:start({ { id = "counter", start = { "ender" } } }, { on = "n1" })
    requests(world)
    check_in(world)
    moves(world)
    events(world)
    old_pids(world)
  end,
}
