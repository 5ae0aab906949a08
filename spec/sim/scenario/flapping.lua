-- flapping.lua (spec) - a node that is cut off and comes back again and again: its children go back to it after a quiet
-- time only. Where each runs is what has a body there; while one runs on both sides, the side of the others counts.
local luahub = require("luahub")

local COUNT = 40

local function bodies(world, name)
  local out = {}
  for _, child in ipairs(world:children(name)) do out[child.id] = true end
  return out
end

-- Notes for each child how often it came to another node.
local function watch(world)
  local where, changes = {}, {}
  world:always("where children run", function()
    local flapping = bodies(world, "n4")
    local elsewhere = {}
    for _, name in ipairs { "n1", "n2", "n3" } do
      for id in pairs(bodies(world, name)) do elsewhere[id] = name end
    end
    for i = 1, COUNT do
      local id = "c" .. i
      local now = elsewhere[id] or flapping[id] and "n4"
      if now and now ~= where[id] then changes[id] = (changes[id] or -1) + 1 end
      where[id] = now or where[id]
    end
    return true
  end)
  return changes
end

return {
  hubs = { { id = "shop", migration = luahub.migration.cold_swap { quiet_time = 30000 } } },
  nodes = 4,
  run = function(world)
    world:cluster(4)
    world:populate(COUNT, "luahub.sim.probe")
    world:settle()
    world:expect(#world:children("n4") > 0, "some run on n4")
    local changes = watch(world)
    for _ = 1, 12 do
      world:isolate("n4", { "n1", "n2", "n3" }, "cut")
      world:run_for(world.random:between(6000, 9000))
      world:heal()
      world:run_for(world.random:between(5000, 12000))
    end
    local most = 0
    for _, count in pairs(changes) do most = math.max(most, count) end
    world:expect(most >= 2, "they went and came back", most .. " times")
    world:expect(most <= 3, "at most three redistributions", most .. " times")
    local quiet = world:eval("n1", [[return require("luahub").hub("shop"):moves().quiet]])
    world:expect(quiet == 1, "it is shown", tostring(quiet))
    world:run_for(700000)
    world:expect(#world:children("n4") > 0, "some run on n4 in the end")
    quiet = world:eval("n1", [[return require("luahub").hub("shop"):moves().quiet]])
    world:expect(quiet == 0, "it is shown", tostring(quiet))
    world:settle()
  end,
}
