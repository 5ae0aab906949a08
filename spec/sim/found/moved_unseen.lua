-- moved_unseen.lua (spec) - n1 stands still while n2 and n3 come back at new addresses. It cannot find them, and they
-- have taken it for dead: they go on dialling it.

return {
  hubs = { { id = "shop" } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:settle()
    world:populate(6, "idle")
    world:stall("n1", 20000)
    for _, name in ipairs({ "n2", "n3" }) do
      world:vanish(name)
      world:run_for(3000)
      world:restart(name, { address = "new" })
    end
    world:run_for(15000)
    world:settle()
  end,
}
