-- shy.lua - a tracked child that is asked before it moves, and answers as it was told: { "answer", word }, where the
-- word may also be "raise" or "wait".

local luahub = require("luahub")
local tracked = require("tracked")

local shy = setmetatable({}, { __index = tracked })

function shy.init(word)
  local state = tracked.init()
  state.word = word
  return state
end

function shy.call(state, request)
  if type(request) == "table" and request[1] == "answer" then
    state.word = request[2]
    return true
  end
  return tracked.call(state, request)
end

function shy.consent(state)
  if state.word == "raise" then error("I was asked") end
  if state.word == "wait" then luahub.sleep(1500) end
  return state.word
end

return shy
