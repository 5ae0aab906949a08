-- wanted.lua (spec) - children of FILE that could not be started when it was read: one fails at first (hub quorum), one
-- no node there may have (labels), one is on a node that may not act alone (sided). L-3, L-4.
local luahub = require("luahub")

local inside, seam = pcall(require, "luahub.sim.seam") -- on a node, and not in the scenario

local PROBE = { "luahub.sim.probe" }

-- The later nodes know nothing of it.
local function only_first(children)
  local number = inside and tonumber(seam.node:match("%d+")) or 1
  return number <= 3 and children or {}
end

local function hear()
  return { reconcile_round = { { id = "hear", handler = { "rounds", "hear", "quorum", "rounds" } } } }
end

local function not_alone(view)
  return #view.nodes > 1, "this node is alone"
end

local function bodies(world, hub)
  local where = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      if child.hub == hub then where[#where + 1] = child.id .. "@" .. name end
    end
  end
  table.sort(where)
  return table.concat(where, " ")
end

local function runs_once(world, hub, id)
  return function()
    local where = bodies(world, hub)
    local _, count = where:gsub("%f[%w]" .. id .. "@", "")
    return count == 1, ("%s runs on '%s'"):format(id, where)
  end
end

local function eval_all(world, code)
  for _, name in ipairs(world:nodes(true)) do
    assert(world:eval(name, 'local luahub = require("luahub") ' .. code .. " return true"))
  end
end

-- A crash of the only node that may have it, and another one that may: its row waits.
local function lose_and_take_again(world)
  world:crash("n4")
  world:run_for(20000)
  world:expect(bodies(world, "labels") == "", "nobody else may have it", bodies(world, "labels"))
  world:add()
  world:eventually("what the dead node ran is taken by the next that may", runs_once(world, "labels", "gpu"), 30000)
end

-- How often a node looked while what failed stood still, and what it was told of it.
local function check_rounds(world, name, ms)
  local rounds = assert(world:eval(name, [[return require("luahub").storage.get("quorum", "rounds") or {}]]))
  world:expect(#rounds > 0 and #rounds <= 4 + ms // 4000, "L13: rounds come ever more rarely",
    ("%d rounds of %s in %d ms"):format(#rounds, name, ms))
  for _, round in ipairs(rounds) do
    world:expect(round.candidates == round.orphans + round.skipped_pending and round.started <= round.orphans,
      "L11: the hook is told of each round", name)
  end
end

-- It ran, and it was stopped: FILE does not bring it back.
local function stop_for_good(world)
  world:stop({ "gpu" }, { on = "n1", hub = "labels" })
  world:run_for(60000)
  world:expect(bodies(world, "labels") == "", "what was stopped stays stopped", bodies(world, "labels"))
end

return {
  facts = function(name)
    return { labels = { gpu = tonumber(name:match("%d+")) > 3 and "yes" or nil } }
  end,
  hubs = {
    { id = "quorum", children = { { id = "late", start = { "willing" } }, { id = "soon", start = PROBE } },
      partition_tolerance = luahub.partition_tolerance.static_quorum({ size = 3, of = 5 }), hooks = hear() },
    { id = "labels", children = only_first{ { id = "gpu", start = PROBE, placement = { require = { gpu = true } } } } },
    { id = "sided", children = { { id = "pair", start = PROBE } }, partition_tolerance = { may_act = not_alone } },
  },
  nodes = 3,
  run = function(world)
    world:cluster(1)
    world:run_for(world.random:between(1, 3000))
    world:expect(bodies(world, "sided") == "", "a node alone starts nothing", bodies(world, "sided"))
    world:add()
    world:eventually("what waited for another node is started", runs_once(world, "sided", "pair"), 20000)
    world:add()
    world:run_for(5000) -- all have met
    eval_all(world, 'luahub.storage.insert("quorum", "rounds", {})')
    local ms = world.random:between(15000, 40000)
    world:run_for(ms)
    check_rounds(world, "n1", ms)
    world:expect(bodies(world, "quorum"):match("^soon@n%d$"), "one fails, the other runs", bodies(world, "quorum"))
    eval_all(world, 'luahub.storage.insert("quorum", "willing", true)')
    world:eventually("what failed at first is started", runs_once(world, "quorum", "late"), 45000)
    world:add()
    world:eventually("what no node could have is started", runs_once(world, "labels", "gpu"), 30000)
    lose_and_take_again(world)
    stop_for_good(world)
    world:settle()
  end,
}
