-- only_trace.lua (spec) - in a split a new node comes to n1's side, and children are started there. n1 meets n2 again,
-- which took it for dead and never heard of the new one; just then that one vanishes. What n1 knows of it is of its
-- earlier epoch, but nobody knows better: its children must run.

return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    local invariant = require("luahub.sim.invariant")
    world:cluster(2)
    world:populate(12, "idle")
    world:settle()
    -- Nothing of n2 is taken over: it is n1 that has to return.
    for _, child in ipairs(world:children("n2")) do
      world:stop(child.id)
    end
    world:split({ "n1" }, { "n2" })
    local third = world:add()
    world:cut("n2", third)
    world:run_for(12000)
    for i = 1, 8 do
      world:start({ id = "late" .. i, start = { "idle" } }, { on = "n1" })
    end
    world:mend("n1", "n2")
    for _ = 1, 30000 do
      if #world.core:members(world.numbers.n1) == 1 then break end -- it has begun a new epoch
      world:run_for(1)
    end
    world:vanish(third)
    world:eventually("nothing is lost", function()
      return invariant.nothing_lost(world, { "n1", "n2" })
    end, 40000)
    world:settle()
    world:note("at rest")
  end,
}
