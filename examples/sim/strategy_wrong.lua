-- strategy_wrong.lua - recovery.lua with round_robin.lua: found within a few seeds.
--
--   luahub sim examples/sim/strategy_wrong.lua --runs 20

return require("recovery")(require("round_robin"))
