-- procs.lua - a plain process that waits: { "procs", ms }. Told { "exit", reason } it ends so.

local luahub = require("luahub")

return function(ms)
  local message = luahub.receive(ms or 60000)
  if type(message) == "table" and message[1] == "exit" then luahub.exit(message[2]) end
end
