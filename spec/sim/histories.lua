-- histories.lua - runs a scenario for seeds; each must hold, or the test fails with what did not, and the history.
--
--   histories.hold("spec/sim/scenario/swaps.lua", 6)        seeds 1 to 6
--   histories.hold_seed("examples/sim/chaos.lua", 8437)     that one; a third argument: options of sim.run
local sim = require("luahub.sim")

local M = {}

---@param path string
---@param seed integer
---@param options? table  of sim.run, without the seed
---@return luahub.sim.Report
function M.hold_seed(path, seed, options)
  local all = { seed = seed }
  for name, value in pairs(options or {}) do all[name] = value end
  local report = assert(sim.run(path, all))
  assert(report.ok, ("%s, seed %d: %s: %s\n%s"):format(path, seed, tostring(report.invariant), tostring(report.message),
    table.concat(report.history, "\n")))
  return report
end

---@param path string
---@param seeds integer  how many, from 1
function M.hold(path, seeds)
  for seed = 1, seeds do M.hold_seed(path, seed) end
end

return M
