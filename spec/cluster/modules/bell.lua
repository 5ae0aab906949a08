-- bell.lua - hook handlers that misbehave: { "bell", how }.

local luahub = require("luahub")

local bell = {}

function bell.raise()
  error("the bell is broken")
end

function bell.loop()
  while true do
  end
end

function bell.sleep()
  luahub.sleep(3600000)
end

function bell.grow()
  local list = nil
  while true do
    list = { list }
  end
end

return bell
