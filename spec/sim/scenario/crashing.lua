-- crashing.lua (spec) - a child that ends at once, again and again: three restarts come at once, later ones after
-- growing delays; the count goes along when its node is lost.

-- When each restart is due, in ms after the first end: 3 at once, then 500, 1000, 2000, ... up to 30000 apart.
local DUE = { 0, 0, 0, 500, 1500, 3500, 7500, 15500, 31500, 61500, 91500 }

return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    local function restarts(name)
      return world:eval(name, "return require('luahub').counters().hub.restarted")
    end
    world:cluster(2)
    world:start({ id = "c", start = { "ends" } })
    local host = restarts("n1") > 0 and "n1" or "n2"
    local other = host == "n1" and "n2" or "n1"
    local now = 0
    for i = 4, #DUE do
      world:run_for(DUE[i] - now - 300)
      local before = restarts(host)
      world:expect(before == i - 1, "not before its time", ("%d restarts before %d ms"):format(before, DUE[i]))
      world:run_for(400)
      now = DUE[i] + 100
      world:expect(restarts(host) == i, "at its time", ("%d restarts at %d ms"):format(restarts(host), now))
    end
    world:crash(host)
    world:run_for(20000) -- recovered, it ends once more, and then waits as long as before
    world:expect(restarts(other) == 0, "the count has come along", restarts(other) .. " restarts there")
    world:run_for(20000)
    world:expect(restarts(other) == 1, "it is tried for ever", restarts(other) .. " restarts there")
  end,
}
