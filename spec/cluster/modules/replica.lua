-- replica.lua - a child of a replicated hub that writes down what happens to it, in one file for all nodes.
--
-- LUAHUB_TRACK names the file; every line is one write, so the order of the lines is the order of events on all nodes:
--
--   EVENT CHILD PROCESS NODE      init, active, passive, crash, terminate
--
-- `active` and `passive` are what it was told. Requests: those below; a cast makes it busy for ever.

local luahub = require("luahub")

local replica = {}

local process = assert(io.open("/proc/self/stat")):read("n")
local file = assert(io.open(assert(os.getenv("LUAHUB_TRACK"), "LUAHUB_TRACK is not set"), "a"))
file:setvbuf("full", 4096)

local function note(event)
  local context = luahub.context()
  file:write(table.concat({ event, context.id, process, context.node }, " "), "\n")
  file:flush()
end

-- Fails while the node's storage says so.
function replica.init(name)
  if luahub.storage.get(luahub.context().hub, "refused") then return nil, "refused on this node" end
  note("init")
  return { mode = "untold", name = name }
end

local requests = {}

function requests.where()
  return luahub.context().node
end

function requests.mode(state)
  return state.mode
end

function requests.name(state)
  return state.name
end

function requests.metadata()
  return luahub.context().metadata
end

function requests.crash()
  note("crash")
  error("crashed as told")
end

requests["end"] = function()
  note("terminate")
  luahub.exit("normal")
end

function replica.call(state, request)
  return requests[request](state)
end

function replica.redundancy(state, role)
  state.mode = role
  note(role)
end

-- Busy until it is ended.
function replica.cast()
  luahub.sleep(3600000)
end

function replica.terminate()
  note("terminate")
end

return replica
