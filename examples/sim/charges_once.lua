-- charges_once.lua - charging.lua with orders whose charge has a key: idempotent, so whatever starts again is harmless.
--
--   luahub sim examples/sim/charges_once.lua --runs 20

return require("charging")(true)
