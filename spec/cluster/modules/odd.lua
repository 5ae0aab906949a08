-- odd.lua - a child that counts, and hands over what it is told to: a value that cannot be sent, or a text of a size.

local odd = {}

function odd.init()
  return { count = 0 }
end

local function cycle()
  local one = {}
  one.other = { one = one }
  return one
end

local values = {
  ["function"] = function() return print end,
  coroutine = function() return coroutine.create(print) end,
  cycle = cycle,
  raises = function() error("not now") end,
}

function odd.call(state, what)
  state.count = state.count + 1
  state.what = what
  return state.count
end

function odd.handover(state)
  local value = values[state.what]
  return { count = state.count, more = value and value() or ("x"):rep(state.what) }
end

function odd.takeover(_, handed)
  return { count = handed.count, what = 0 }
end

return odd
