-- damaged_length.lua (spec) - of many damaged packets some say that a record is longer than it is. The link that waits
-- for the rest of it is given up, and registries are equal again.

return {
  hubs = { { id = "shop" } },
  nodes = 4,
  run = function(world)
    local invariant = require("luahub.sim.invariant")
    world:cluster(4)
    local started = 0
    local function start_some()
      started = started + 1
      world:begin_start({ { id = "c" .. started, start = { "idle" } } }, { on = "n1" })
      world:run_for(300)
    end
    world:corrupt(0.1)
    for _ = 1, 30 do
      start_some()
    end
    world:heal()
    start_some()
    world:eventually("registries are equal", invariant.registries_equal, 20000)
    world:settle(nil, 15000)
    world:note("at rest")
  end,
}
