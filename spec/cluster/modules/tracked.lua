-- tracked.lua - a child that writes down what happens to it, in one file for all nodes.
--
-- LUAHUB_TRACK names the file. It is opened for appending and every line is one write, so the order of the lines is
-- the order of events on all nodes, without any clock:
--
--   EVENT CHILD PROCESS INSTANCE GENERATION NODE
--
-- It counts: "get", "increment", { "add", n }. Others: "where", "crash", { "exit", reason }, { "sleep", ms }.

local luahub = require("luahub")

local tracked = {}

local process = assert(io.open("/proc/self/stat")):read("n")
local file = assert(io.open(assert(os.getenv("LUAHUB_TRACK"), "LUAHUB_TRACK is not set"), "a"))
file:setvbuf("full", 4096)

local function note(event, state)
  local context = luahub.context()
  local instance = tostring(luahub.self()):match("%d+%.%d+%.%d+>$") -- without the node's name, which may change
  local line = { event, context.id, process, instance, context.generation, context.node, state and state.count or 0 }
  file:write(table.concat(line, " "), "\n")
  file:flush()
end

function tracked.init(count)
  note("init")
  return { count = count or 0 }
end

local requests = {}

function requests.get(state)
  return state.count
end

function requests.increment(state)
  state.count = state.count + 1
  return state.count
end

function requests.add(state, amount)
  state.count = state.count + amount
  return state.count
end

function requests.where()
  local context = luahub.context()
  return { node = context.node, generation = context.generation, process = process }
end

function requests.pid()
  return luahub.self()
end

function requests.crash(state)
  note("crash", state)
  error("crashed as told")
end

function requests.exit(state, reason)
  note("exit", state)
  luahub.exit(reason)
end

function requests.sleep(_, ms)
  luahub.sleep(ms)
  return "slept"
end

function tracked.call(state, request)
  local name, argument = request, nil
  if type(request) == "table" then
    name, argument = request[1], request[2]
  end
  return requests[name](state, argument)
end

function tracked.cast(state, message)
  if message == "increment" then state.count = state.count + 1 end
end

function tracked.handover(state)
  note("handover", state)
  return { count = state.count }
end

function tracked.takeover(state, handed)
  state.count = handed.count
  note("takeover", state)
  return state
end

function tracked.terminate(state)
  note("terminate", state)
end

return tracked
