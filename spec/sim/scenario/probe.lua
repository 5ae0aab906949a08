-- probe.lua (spec) - a child that tells what its world looks like.

local luahub = require("luahub")

local probe = {}

function probe.init()
  return {}
end

local ask = {}

function ask.clock()
  return os.date("!%Y-%m-%d", os.time())
end

function ask.slept()
  local before = os.clock()
  luahub.sleep(5000)
  return math.floor((os.clock() - before) * 1000 + 0.5)
end

function ask.random()
  return math.random(1 << 40)
end

function ask.order()
  local keys = {}
  for key in pairs({ pear = 1, apple = 2, [3] = 3, plum = 4 }) do
    keys[#keys + 1] = tostring(key)
  end
  return table.concat(keys, " ")
end

function ask.address()
  return tostring({}):find("0x") == nil
end

function ask.open()
  return select(2, pcall(io.open, "/etc/passwd"))
end

function ask.execute()
  return select(2, pcall(os.execute, "true"))
end

function ask.popen()
  return select(2, pcall(io.popen, "true"))
end

function probe.call(_, what)
  return ask[what]()
end

return probe
