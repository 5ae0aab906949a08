-- unruly.lua - a child that misbehaves as it is told: { "unruly", how } in init, call(how) and cast(how) later.

local luahub = require("luahub")

local unruly = {}

local ways = {}

function ways.raise()
  error("raised as told")
end

function ways.raise_table()
  error({ why = "a table" })
end

function ways.loop()
  while true do
  end
end

function ways.grow()
  local pieces = {}
  while true do
    pieces[#pieces + 1] = ("x"):rep(100000) .. #pieces
  end
end

function ways.grow_slowly()
  local list = nil
  while true do
    list = { list }
  end
end

local function deeper(n)
  return 1 + deeper(n + 1)
end

function ways.recurse()
  return deeper(1)
end

function ways.recurse_in_c()
  local function again(text)
    return (text:gsub(".", again))
  end
  return again("x")
end

function ways.unsendable()
  return { answer = { print } }
end

function ways.wait()
  luahub.sleep(60000)
end

function unruly.init(how, ...)
  if how == "refuse" then return nil, "refused as told" end
  if how == "nothing" then return end
  if how == "number" then return 5 end
  if how then ways[how](...) end
  return { answered = 0 }
end

function unruly.call(state, how)
  if ways[how] then return ways[how]() end
  state.answered = state.answered + 1
  return state.answered
end

unruly.cast = unruly.call

return unruly
