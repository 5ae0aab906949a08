-- stumbling.lua (spec) - a child that says who it is, and whose next start fails where the node's storage says so.

local luahub = require("luahub")

local stumbling = {}

function stumbling.init()
  local context = luahub.context()
  if luahub.storage.get(context.hub, context.id) then
    luahub.storage.remove(context.hub, context.id)
    return nil, "it stumbles"
  end
  return {}
end

function stumbling.call()
  return luahub.self()
end

function stumbling.cast(_, how)
  luahub.storage.insert(luahub.context().hub, luahub.context().id, true)
  error(how)
end

return stumbling
