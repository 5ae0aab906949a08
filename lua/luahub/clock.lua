-- clock.lua - milliseconds that only grow, for deadlines. Not the time of day.
--
-- Where actors run the clock is theirs; a program without a node asks the machine.

local core = require("luahub.core")

local M = {}

-- Linux counts in hundredths of a second since it started.
local function uptime()
  local file = assert(io.open("/proc/uptime"))
  local seconds = file:read("n")
  file:close()
  return math.floor(seconds * 1000)
end

--- Milliseconds since some moment in the past.
---@return integer
function M.now()
  return core.now and core.now() or uptime()
end

return M
