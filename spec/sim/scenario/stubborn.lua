-- stubborn.lua (spec) - a child that takes its time to end.

local luahub = require("luahub")

local stubborn = {}

function stubborn.init()
  return { value = "new" }
end

function stubborn.call(state)
  return state.value
end

function stubborn.terminate(state)
  state.value = "told"
  luahub.sleep(500000)
end

return stubborn
