-- Hubs of every built-in distribution under chaos. Nodes differ in weight and stand in three zones.
local luahub = require("luahub")
local distribution = luahub.distribution

return {
  facts = function(name)
    local number = tonumber(name:match("%d+"))
    return { weight = ({ 1, 0.5, 3 })[number % 3 + 1], labels = { zone = ({ "a", "b", "c" })[number % 3 + 1] } }
  end,
  hubs = {
    { id = "weighted", distribution = distribution.rendezvous() },
    { id = "ring", distribution = distribution.consistent_hashing({ weights = { n1 = 2 } }) },
    { id = "bounded", distribution = distribution.rendezvous({ bounded = 1.25 }) },
    { id = "load", distribution = distribution.load_balancer() },
    { id = "spread", distribution = distribution.rendezvous({ placement = { spread = "zone" } }) },
  },
  run = function(world)
    world:cluster(world.node_count)
    world:chaos({ children = 6 })
  end,
}
