-- store.lua - a child of two versions: the first keeps a text, the second a list. STORE_VERSION says which one is here.
local version = math.tointeger(os.getenv("STORE_VERSION"))
local store = { version = version }

function store.init()
  return version == 2 and { words = {} } or { text = "" }
end

function store.call(state, word)
  if not word then return state.words or state.text end
  if state.words then
    table.insert(state.words, word)
  else
    state.text = state.text .. word .. " "
  end
  return true
end

function store.handover(state)
  return state.words or state.text
end

function store.takeover(_, handed, from)
  if from == version then return version == 2 and { words = handed } or { text = handed } end
  local words = { "from " .. from }
  for word in handed:gmatch("%S+") do
    table.insert(words, word)
  end
  return { words = words }
end

return store
