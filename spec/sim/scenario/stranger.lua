-- stranger.lua - a node that holds another cluster's secret knocks at two that do not know it: they live as before, and
-- it knocks seldom (wire 38).

local KNOCKS = 'return require("luahub").counters().link.handshake_failed'
local MINUTE = 60000

local function knocks(world)
  return assert(world:eval("n1", KNOCKS)), assert(world:eval("n2", KNOCKS))
end

return {
  hubs = { { id = "shop" } },
  run = function(world)
    world:cluster(2)
    world:populate(10, "luahub.sim.probe")
    local stranger = world.core:stranger()
    assert(world.core:start(stranger))
    world:run_for(MINUTE)
    local first, second = knocks(world)
    assert(first > 0 and second > 0, "nobody knocked")
    for _ = 1, 5 do
      world:run_for(MINUTE)
      local now_first, now_second = knocks(world)
      assert(now_first - first <= 2 and now_second - second <= 2,
        ("it knocked %d and %d times in a minute"):format(now_first - first, now_second - second))
      first, second = now_first, now_second
    end
    world:note("in the end it knocked %d and %d times", first, second)
    world:settle()
  end,
}
