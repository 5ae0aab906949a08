-- charges_twice.lua - charging.lua with orders that charge at every start: found by the first crash.
--
--   luahub sim examples/sim/charges_twice.lua

return require("charging")(false)
