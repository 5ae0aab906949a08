-- A plain process.
local luahub = require "luahub.core"

return function(job)
  if job.trap then luahub.trap_exit(true) end
  if job.loop then while true do end end
  if job.raise then error(job.raise) end
  if job.exit then luahub.exit(job.exit) end
  if job.sort then table.sort({ 1, 2, 3 }, function() while true do end end) end
  local function tell_end()
    if job.tell then luahub.send(job.tell, "closed") end
  end
  local _ <close> = setmetatable({}, { __close = tell_end })
  while not job.once do
    local message = luahub.receive()
    if message == "stop" then break end
    if job.tell then luahub.send(job.tell, message) end
  end
end
