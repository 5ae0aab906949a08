-- overrun.lua (spec) - a child that moves has its own `shutdown` for its terminate, no more.

return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    world:start({ id = "short", start = { "stubborn" }, shutdown = 1000 })
    world:settle()
    local first = #world:children("n1") > 0 and "n1" or "n2"
    world:leave(first)
    world:run_for(900)
    world:expect(#world:children(first) == 1, "it ends here")
    world:run_for(1100)
    world:expect(not world:is_up(first), "its node has left")
    world:expect(#world:children(first == "n1" and "n2" or "n1") == 1, "it runs on the other node")
  end,
}
