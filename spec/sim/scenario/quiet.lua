-- A child that only is there.
local quiet = {}

function quiet.init()
  return {}
end

return quiet
