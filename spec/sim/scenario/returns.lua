-- returns.lua (spec) - nodes that restart faster than anybody notices, links that break for a moment, a quorum that is
-- lost and found, and both nodes of two killed: no row ever names a dead process for long, and each child runs once.
local luahub = require("luahub")

local COUNT = 12
local static = {}
for i = 1, COUNT do static[i] = { id = "s" .. i, start = { "living" } } end

-- id -> the generation that a node's rows give it.
local function generations(world, name, hub)
  local out = {}
  for _, row in ipairs(world:rows(name, hub)) do out[row.id] = row.generation end
  return out
end

-- Every node's rows name processes that answer, each by the pid that the row says.
local function expect_true(world)
  for _, name in ipairs(world:nodes(true)) do
    for _, hub in ipairs { "all", "quorum" } do
      local answered, err = world:eval(name, [[
        local hub_id, count = ...
        local luahub = require("luahub")
        for i = 1, count do
          local pid = luahub.hub(hub_id):get_pid("s" .. i)
          local reply, problem = luahub.call(pid, "living?", 2000)
          if reply == nil then return ("s%d at %s: %s"):format(i, tostring(pid), tostring(problem)) end
        end
        return true]], hub, COUNT)
      world:expect(answered == true, "rows name living processes", ("%s, hub %s: %s"):format(name, hub,
        tostring(answered or err and err.message)))
    end
  end
end

local function expect_once(world)
  local seen = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      local key = child.hub .. "/" .. child.id
      world:expect(not seen[key], "each child runs once", key .. " runs twice")
      seen[key] = true
    end
  end
  for i = 1, COUNT do
    for _, hub in ipairs { "all", "quorum" } do
      world:expect(seen[hub .. "/s" .. i], "each child runs once", ("s%d of %s does not run"):format(i, hub))
    end
  end
end

local function whole(world)
  world:settle(60000)
  expect_once(world)
  expect_true(world)
end

-- T-431, D1, D4, D5: nobody has noticed that it was down.
local function restart_at_once(world)
  local before = {}
  for _, child in ipairs(world:children("n2")) do
    if child.hub == "all" then before[child.id] = child.generation end
  end
  world:crash("n2")
  world:restart("n2")
  whole(world)
  for _, name in ipairs(world:nodes(true)) do
    local now = generations(world, name, "all")
    for id, generation in pairs(before) do
      world:expect(now[id] > generation, "a restarted node's old rows are gone", ("%s at %s"):format(id, name))
    end
  end
end

-- D2: nobody was taken for dead, and nothing began anew.
local function flap(world)
  local before = generations(world, "n1", "all")
  world:cut("n1", "n2")
  world:run_for(800)
  world:heal()
  whole(world)
  local after = generations(world, "n1", "all")
  for id, generation in pairs(before) do
    world:expect(after[id] == generation, "a broken link starts nothing anew", id)
  end
end

-- T-430, L-15, E15: those that ran on the smaller side run again, with other pids.
local function lose_quorum(world)
  world:split({ "n3" })
  world:run_for(25000)
  for _, child in ipairs(world:children("n3")) do
    world:expect(child.hub ~= "quorum", "no quorum, no children", child.id .. " runs on n3")
  end
  world:heal()
  whole(world)
end

-- L1: all are killed at once; each static child starts exactly once.
local function kill_all(world)
  for _, name in ipairs { "n1", "n2", "n3" } do world:crash(name) end
  world:run_for(2000)
  for _, name in ipairs { "n1", "n2", "n3" } do world:restart(name) end
  whole(world)
end

-- L2: who returns starts nothing that the others took over; what was not declared goes on (L18).
local function take_over(world)
  world:start({ { id = "api", start = { "living" } } }, { on = "n1", hub = "all" })
  world:crash("n3")
  world:run_for(15000)
  world:restart("n3")
  whole(world)
  local found = false
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do found = found or child.id == "api" end
  end
  world:expect(found, "what was not declared goes on")
end

local QUORUM = luahub.partition_tolerance.static_quorum { size = 2, of = 3 }

return {
  hubs = {
    { id = "all", children = static },
    { id = "quorum", children = static, partition_tolerance = QUORUM },
  },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    whole(world)
    restart_at_once(world)
    flap(world)
    lose_quorum(world)
    kill_all(world)
    take_over(world)
  end,
}
