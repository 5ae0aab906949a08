-- keys.lua (spec) - a scenario that goes by the order of keys, and by chance: one seed, one history all the same.
return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    local seen = {}
    for key in pairs({ apple = 1, bread = 2, candle = 3, drum = 4, egg = 5, flute = 6 }) do
      seen[#seen + 1] = key
    end
    world:note("%s %d %.6f", table.concat(seen, " "), math.random(1000), math.random())
  end,
}
