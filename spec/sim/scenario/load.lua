-- load.lua (spec) - processes that never rest fill the threads of one node: a hub that goes by load spares it, whoever
-- starts, and takes it again when they have ended.
local luahub = require("luahub")

local SPINS, BUSY = 4, "n2"

local function counted(world)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    out[name] = 0
    for _, child in ipairs(world:children(name)) do
      if child.hub == "shop" then out[name] = out[name] + 1 end
    end
  end
  return out
end

local function start_singly(world, first, last)
  for i = first, last do
    local on = "n" .. world.random:between(1, 4)
    local result = world:start({ { id = "c" .. i, start = { "idle" } } }, { hub = "shop", on = on })
    world:expect(result and #result.errors == 0, "children start one by one")
  end
end

local function pressure(world, name)
  local list = world:eval(name, [[
    local out = {}
    for _, member in ipairs(require("luahub.members").list()) do out[member.name] = member.pressure end
    return out]])
  return list and list[BUSY] or -1
end

local function expect_known(world, what, fits)
  for _, name in ipairs(world:nodes(true)) do
    world:eventually(what, function()
      local found = pressure(world, name)
      return fits(found), ("%s knows %s"):format(name, found)
    end, 20000)
  end
end

return {
  hubs = {
    { id = "shop", distribution = luahub.distribution.load_balancer() },
    { id = "other" },
  },
  nodes = 4,
  run = function(world)
    world:cluster(4)
    world:run_for(2000)
    local spinning, ids = {}, {}
    for i = 1, SPINS do
      ids[i] = "spin" .. i
      spinning[i] = { id = ids[i], start = { "spins" }, isolated = true, placement = { node = BUSY } }
    end
    world:start(spinning, { hub = "other" })
    expect_known(world, "all hear that it is busy", function(found) return found >= 2 end)
    start_singly(world, 1, 40)
    local has = counted(world)
    world:expect(has[BUSY] <= 6, "a busy node is spared", ("it has %d of 40"):format(has[BUSY]))
    world:expect(has.n1 >= 5 and has.n3 >= 5 and has.n4 >= 5, "the others share them",
      ("%d %d %d"):format(has.n1, has.n3, has.n4))
    world:stop(ids, { hub = "other" })
    expect_known(world, "all hear that it is not any more", function(found) return found == 0 end)
    start_singly(world, 41, 80)
    has = counted(world)
    world:expect(has[BUSY] >= 12, "it gets its share again", ("it has %d of 80"):format(has[BUSY]))
  end,
}
