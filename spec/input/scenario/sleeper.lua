-- sleeper.lua (spec) - a child that takes long to end, and a handler that does not end.

local luahub = require("luahub")

local sleeper = {}

function sleeper.init()
  return {}
end

function sleeper.terminate()
  luahub.sleep(50000)
end

function sleeper.forever()
  luahub.sleep(3600000)
end

return sleeper
