-- willing.lua (spec) - a child whose init fails until the node's storage says that it may begin.

local luahub = require("luahub")

local willing = {}

function willing.init()
  if not luahub.storage.get(luahub.context().hub, "willing") then return nil, "not yet" end
  return {}
end

function willing.handover(state) return state end

function willing.takeover(_, handed) return handed end

return willing
