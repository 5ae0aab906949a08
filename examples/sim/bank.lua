-- bank.lua - the outside world of the example: counts how often each order was charged.

local bank = {}

function bank.init()
  return { charges = {}, seen = {} }
end

function bank.call(state, request)
  if request.charge then
    if request.key and state.seen[request.key] then return "charged before" end
    if request.key then state.seen[request.key] = true end
    state.charges[request.charge] = (state.charges[request.charge] or 0) + 1
    return "charged"
  end
  return state.charges
end

return bank
