-- replica_roles_quorum.lua (spec) - a replicated hub with a quorum, in splits, cuts of one way, stalls and crashes: no
-- two instances work at a time that were told that they are active, whoever was taken for dead; at rest one is.

local luahub = require("luahub")

local IDS = { "c1", "c2", "c3", "c4", "c5", "c6" }

local START = [[
  local specs = {}
  for i, id in ipairs((...)) do specs[i] = { id = id, start = { "acting" } } end
  local result, err = require("luahub").hub("main"):start_children(specs, { awaitable = true }):await()
  return result and result:status() or err.message]]

-- id -> the nodes with an instance that works and was told last that it is active; how many there are. Looked at anew:
-- a lease ends with time alone.
local function acting(world)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world.core:children(world.numbers[name])) do
      local on = out[child.id] or { active = {}, count = 0 }
      out[child.id] = on
      if child.works then
        on.count = on.count + 1
        if world.roles:of("main", child.id)[name] == "active" then on.active[#on.active + 1] = name end
      end
    end
  end
  return out
end

local function doubled(world)
  for id, on in pairs(acting(world)) do
    if #on.active > 1 then return false, ("%s acts on %s"):format(id, table.concat(on.active, " and ")) end
  end
  return true
end

local function rest(world)
  world:eventually("one instance is active", function()
    local found = acting(world)
    for _, id in ipairs(IDS) do
      local on = found[id] or { active = {}, count = 0 }
      if on.count ~= 2 or #on.active ~= 1 then
        return false, ("%s works %d times, %d active"):format(id, on.count, #on.active)
      end
    end
    return true
  end, 60000)
end

return {
  hubs = {
    {
      id = "main",
      redundancy = luahub.redundancy.replication({ factor = 2, model = "active_passive", signal = "all" }),
      partition_tolerance = luahub.partition_tolerance.static_quorum({ size = 3, of = 5 }),
    },
  },
  nodes = 5,
  run = function(world)
    local names = world:cluster(5) or world.names
    local status = world:eval("n1", START, IDS)
    world:expect(status == "ok", "children start", tostring(status))
    rest(world)
    world:always("no two act that were told that they are active", doubled)
    local r = world.random
    for _ = 1, 4 do
      local one, other = names[r:between(1, 5)], names[r:between(1, 5)]
      local what = r:between(1, 4)
      if what == 1 and one ~= other then
        world:split({ one, other })
      elseif what == 2 then
        world:stall(one, r:between(500, 20000))
      elseif what == 3 then
        world:crash(one)
      elseif one ~= other then
        world:cut_one_way(one, other)
      end
      world:run_for(r:between(1000, 25000))
      world:heal()
      if not world:is_up(one) then world:restart(one) end
      rest(world)
    end
  end,
}
