-- ticking.lua - a child that writes down all that it is let do, many times a second, in one file for all nodes; the
-- order of the lines is the order of events:
--
--   EVENT CHILD GENERATION PROCESS

local luahub = require("luahub")

local ticking = {}

local process = assert(io.open("/proc/self/stat")):read("n")
local file = assert(io.open(assert(os.getenv("LUAHUB_TRACK"), "LUAHUB_TRACK is not set"), "a"))
file:setvbuf("full", 4096)

local function note(event)
  local context = luahub.context()
  file:write(table.concat({ event, context.id, context.generation, process }, " "), "\n")
  file:flush()
end

function ticking.init()
  note("init")
  luahub.send_after(10, luahub.self(), "tick")
  return {}
end

function ticking.info()
  note("info")
  luahub.send_after(10, luahub.self(), "tick")
end

function ticking.call()
  note("call")
  return true
end

function ticking.terminate()
  note("terminate")
end

return ticking
