-- caller.lua - a process that keeps a child busy for a moment: { "caller", pid }.

local luahub = require("luahub")

return function(pid)
  return luahub.call(pid, "sleep", 5000)
end
