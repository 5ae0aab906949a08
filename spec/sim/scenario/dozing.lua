-- dozing.lua (spec) - a child that counts what it is asked, and takes its time for it where it is told to.

local luahub = require("luahub")

local dozing = {}

function dozing.init() return { count = 0 } end

function dozing.call(state, ms)
  state.count = state.count + 1
  luahub.sleep(ms)
  return state.count
end

function dozing.handover(state) return state end

function dozing.takeover(_, handed) return handed end

return dozing
