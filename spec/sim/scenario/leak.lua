-- leak.lua (spec) - a scenario that is no history of its seed: it remembers how often it ran, which the world does not
-- know of. The second run of a seed is another one.

local runs = package.loaded["leaks"] or { count = 0 }
package.loaded["leaks"] = runs

return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    runs.count = runs.count + 1
    world:cluster(2)
    world:run_for(3000)
    world:start({ { id = "c1", start = { "idle", runs.count } } })
    world:run_for(3000)
  end,
}
