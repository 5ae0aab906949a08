-- ledger.lua (spec) - a child that counts its calls, hands the count over, and tells the storage of its node when its
-- terminate is called, and for what reason.

local luahub = require("luahub")

local ledger = {}

function ledger.init() return { count = 0 } end

function ledger.call(state)
  state.count = state.count + 1
  return state.count
end

function ledger.handover(state) return state.count end

function ledger.takeover(_, count) return { count = count } end

function ledger.terminate(state, reason)
  luahub.storage.update("shop", "ended", function(ended)
    ended = ended or {}
    ended[#ended + 1] = ("%s %s %d"):format(luahub.context().id, tostring(reason), state.count)
    return ended
  end)
end

return ledger
