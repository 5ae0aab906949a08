-- order.lua - a child that charges its customer once it runs. Started again on another node it charges again, unless
-- it gives a key by which the bank knows the charge: then it is idempotent.
--
--   { id = "order-1", start = { "order", "bank" } }          charges at every start
--   { id = "order-1", start = { "order", "bank", true } }    charges once

local luahub = require("luahub")

local order = {}

function order.init(bank, with_key)
  luahub.send(luahub.self(), "charge")
  return { bank = bank, with_key = with_key }
end

-- Asks again for as long as the bank cannot be reached.
function order.info(state, message)
  if message ~= "charge" then return end
  local me = luahub.context()
  local request = { charge = me.id, key = state.with_key and me.id or nil }
  local answer = luahub.hub(me.hub):call(state.bank, request)
  if not answer then luahub.send_after(500, luahub.self(), "charge") end
end

return order
