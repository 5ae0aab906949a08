-- busy_move.lua (spec) - children that are in the middle of a long call when they are to move: they go on where they
-- are, move when they are free, and answer again with their state, whatever became of the first try.
local luahub = require("luahub")

local COUNT = 24

return {
  hubs = { { id = "hot", migration = luahub.migration.hot_swap({ handover = true }) } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    world:populate(COUNT, "dozing")
    world:settle()
    for i = 1, COUNT do
      world:begin_call("c" .. i, world.random:between(20000, 60000), { on = "n1", hub = "hot", timeout = 90000 })
    end
    world:run_for(100)
    world:add()
    world:run_for(70000)
    world:settle()
    for i = 1, COUNT do
      local count, err = world:call("c" .. i, 0, { on = "n1" })
      world:expect(count == 2, "a child that was busy when it was to move goes on, with its state",
        ("c%d: %s"):format(i, tostring(count or err.message)))
    end
  end,
}
