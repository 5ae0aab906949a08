-- chaos_tls.lua (spec) - examples/sim/chaos.lua with TLS, for those of its seeds that were found when they had it.
local chaos = require("examples.sim.chaos")

chaos.ciphers = "real"

return chaos
