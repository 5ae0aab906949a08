-- raises.lua - children that do not start: { "raises", how }.

local raises = {}

function raises.init(how)
  if how == "raise" then error("init raised as told") end
  if how == "refuse" then return nil, "refused as told" end
  if how == "never" then
    while true do end
  end
  return {}
end

return raises
