-- busy.lua (spec) - a child that never gives way, beside one that answers.

return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    world:start({ { id = "spins", start = { "spins" } }, { id = "probe", start = { "probe" } } })
    world:run_for(300)
    local value, err = world:call("probe", "order", { timeout = 5000 })
    world:expect(value, "the other child answers", err and err.message)
  end,
}
