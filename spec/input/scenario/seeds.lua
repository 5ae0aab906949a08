-- seeds.lua (spec) - a node that was taken for dead remembers more addresses of others than it dials when it returns.

local SEEDS, ROUNDS = 256, 150

return {
  hubs = { { id = "shop" } },
  nodes = 4,
  run = function(world)
    local specs = {}
    for i = 1, 30 do
      specs[i] = { id = "c" .. i, start = { "ender" } }
    end
    world:cluster(4)
    for _ = 1, ROUNDS do
      world:vanish("n3")
      world:vanish("n4")
      world:run_for(8000)
      world:restart("n3", { disk = false, address = "new" })
      world:restart("n4", { disk = false, address = "new" })
      world:run_for(2000)
    end
    world:settle()
    world:start(specs)
    world:stall("n2", 30000)
    world:run_for(35000)
    world:settle()
    local refused = world:eval("n2", "return require('luahub').counters().node.seeds_refused")
    world:expect(refused >= 2 * ROUNDS - SEEDS, "it dials no more, and counts the rest", refused .. " refused")
  end,
}
