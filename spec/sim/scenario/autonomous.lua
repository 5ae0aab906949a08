-- autonomous.lua (spec) - two hubs whose nodes each look alone at what is theirs, one of them with a quorum: nodes
-- join, leave and are killed, the network splits, and all that at once. When it is over each child runs once, where it
-- belongs, and in the hub with a quorum none ever ran twice.
local luahub = require("luahub")

local FAULTS = { "crash", "cut", "join", "leave", "split", "stall", "weather" }

local HOMES = [==[
  local hub, ids = ...
  local nodes = require("luahub").hub(hub):nodes{ include_local = true }
  local owners = require("luahub").distribution.rendezvous{}.place(ids, { nodes = nodes }, { factor = 1 })
  local homes = {}
  for i, id in ipairs(ids) do homes[id] = nodes[owners[i]] end
  return homes]==]

local function places(world, hub)
  local out, ids = {}, {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      if child.hub == hub then
        out[child.id] = name
        ids[#ids + 1] = child.id
      end
    end
  end
  table.sort(ids)
  return out, ids
end

local function are_home(world, hub)
  return function()
    local where, ids = places(world, hub)
    local homes = assert(world:eval("n1", HOMES, hub, ids))
    for _, id in ipairs(ids) do
      if where[id] ~= homes[id] then return false, ("%s is on %s, not on %s"):format(id, where[id], homes[id]) end
    end
    return #ids > 0, "nothing runs"
  end
end

local function rounds(world)
  local fourth = world:add()
  world:settle()
  world:eventually("each is home after a join", are_home(world, "free"), 10000)
  world:crash(fourth)
  world:settle()
  world:eventually("each is home after a death", are_home(world, "free"), 10000)
  world:restart(fourth)
  world:settle()
  world:leave("n3")
  world:settle()
  world:eventually("each is home after a leave", are_home(world, "free"), 10000)
  world:restart("n3")
  world:split({ "n1", "n2", "n3" }, { fourth })
  world:run_for(world.random:between(1000, 15000))
  world:heal()
  world:settle(60000)
end

return {
  hubs = {
    { id = "free", migration = luahub.migration.autonomous { quiet_time = 0 } },
    {
      id = "safe", migration = luahub.migration.autonomous { children_per_second = 20 },
      partition_tolerance = luahub.partition_tolerance.static_quorum { size = 3, of = 5 },
    },
  },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:populate(20, "luahub.sim.probe")
    world:settle()
    rounds(world)
    world:chaos({ minutes = 0.5, children = 6, faults = FAULTS })
    world:eventually("each is home", are_home(world, "free"), 30000)
  end,
}
