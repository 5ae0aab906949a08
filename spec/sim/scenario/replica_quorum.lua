-- replica_quorum.lua (spec) - a replicated hub with a quorum: in a split the side without one ends its instances, the
-- other has as many as it is to have, one of them active; so have all after the split.

local luahub = require("luahub")

local CHILDREN = 6
local ENDED_MS = 30000

local START = [[
  local specs = {}
  for i = 1, (...) do specs[i] = { id = "c" .. i, start = { "idle" } } end
  local result, err = require("luahub").hub("main"):start_children(specs, { awaitable = true }):await()
  return result and result:status() or err.message]]

local LISTED = [[
  local out = {}
  for _, child in ipairs(require("luahub").hub("main"):process_list("global")) do
    local active = 0
    for _, instance in ipairs(child.instances) do
      if instance.active then active = active + 1 end
    end
    out[child.id] = { #child.instances, active }
  end
  return out]]

-- Whether on these nodes, as they say, each child has so many bodies; and lists them so, with one active, where any.
local function wrong(world, names, wanted)
  local bodies = {}
  for _, name in ipairs(names) do
    for _, child in ipairs(world:children(name)) do
      bodies[child.id] = (bodies[child.id] or 0) + 1
    end
  end
  for i = 1, CHILDREN do
    local id = "c" .. i
    if (bodies[id] or 0) ~= wanted then return ("%s has %s bodies instead of %d"):format(id, bodies[id], wanted) end
    for _, name in ipairs(wanted > 0 and names or {}) do
      local seen = (world:eval(name, LISTED) or {})[id]
      if not seen or seen[1] ~= wanted or seen[2] ~= 1 then
        return ("%s lists %s instances of %s, %s active"):format(name, seen and seen[1], id, seen and seen[2])
      end
    end
  end
  return nil
end

local function rest(world, what, names, wanted)
  world:eventually(what, function()
    local line = wrong(world, names, wanted)
    return not line, line
  end, ENDED_MS)
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
    local status = world:eval("n1", START, CHILDREN)
    world:expect(status == "ok", "children start", tostring(status))
    rest(world, "all run on two nodes", names, 2)
    for _ = 1, 3 do
      local some = world.random:shuffle(names)
      local few, many = { some[1], some[2] }, { some[3], some[4], some[5] }
      world:split(few)
      rest(world, "the side without a quorum has ended its own", few, 0)
      rest(world, "the side with one has two of each", many, 2)
      world:run_for(world.random:between(0, 8000))
      world:heal()
      rest(world, "all run on two nodes again", names, 2)
      if world.random:between(1, 2) == 1 then
        world:crash(some[1])
        world:run_for(world.random:between(100, 12000))
        world:restart(some[1])
        rest(world, "all run on two nodes after a crash", names, 2)
      end
    end
  end,
}
