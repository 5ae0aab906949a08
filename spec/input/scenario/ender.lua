-- ender.lua (spec) - a child that says when it is told to end, and takes long for it; and one that counts that.

local core = require("luahub.core")
local luahub = require("luahub")

local ender = {}

function ender.init(counter)
  return { counter = counter, count = 0 }
end

function ender.call(state)
  return state.count
end

function ender.cast(state)
  state.count = state.count + 1
end

function ender.handover(state)
  return state.count
end

function ender.takeover(state, count)
  state.count = count
  return state
end

function ender.terminate(state)
  if not state.counter then return end
  luahub.hub("shop"):cast(state.counter, "told")
  luahub.sleep(40000)
end

--- Has children ended one by one, and waits for none of them.
function ender.end_all(first, last)
  for i = first, last do
    core.request_async("terminate", { hub = "shop", id = "c" .. i })
  end
  luahub.sleep(3600000)
end

return ender
