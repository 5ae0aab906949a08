-- clock.lua - milliseconds that only grow, for deadlines. Not the time of day.

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
M.now = core.now or uptime

return M
