-- counted.lua (spec) - a child that counts what it is asked, and knows no other message. Its state goes along in a hot
-- move where the hub hands states over.

local counted = {}

function counted.init() return { count = 0 } end

function counted.call(state)
  state.count = state.count + 1
  return state.count
end

function counted.info(_, message) error("nobody sends this: " .. tostring(message)) end

function counted.handover(state) return state end

function counted.takeover(_, handed) return handed end

return counted
