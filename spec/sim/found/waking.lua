-- waking.lua (spec) - nodes crash while many children are in an init that waits: nothing of them stays behind.

return {
  hubs = { { id = "shop" } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    local specs = {}
    for i = 1, 60 do
      specs[i] = { id = "c" .. i, start = { "luahub.sim.probe", 2500 } }
    end
    world:begin_start(specs, { on = "n1" })
    world:run_for(1000)
    world:crash("n3")
    world:run_for(500)
    world:crash("n2")
    world:settle()
    world:note("at rest")
  end,
}
