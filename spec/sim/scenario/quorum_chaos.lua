-- quorum_chaos.lua (spec) - hubs of each quorum mode under the faults that a seed draws, but for those that take
-- members away for good: at no time do two instances of a child run, and when it is over nothing is lost.

local tolerance = require("luahub").partition_tolerance

local FAULTS = {
  "corrupt", "crash", "cut", "disk", "join", "skew", "slow_hook", "slow_receiver", "split", "stall", "weather",
}

return {
  hubs = {
    { id = "fixed", partition_tolerance = tolerance.static_quorum({ size = 3, of = 5 }) },
    { id = "grows", partition_tolerance = tolerance.majority_quorum({ initial_size = 3 }) },
    {
      id = "shrinks",
      partition_tolerance = tolerance.dynamic_quorum({ initial_size = 3, size = 51, threshold_time = 12000 }),
    },
  },
  nodes = 5,
  run = function(world)
    world:cluster(5)
    world:chaos({ children = 6, faults = FAULTS })
  end,
}
