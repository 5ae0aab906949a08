-- ears.lua - waiting hook handlers that write down what they are told: { "ears", how, word... }. `note` and `number`
-- write one line to the file ears: the node, the words, and what of the data is a text or a number; `fields` all of it.

local luahub = require("luahub")

local ears = {}

local function write(...)
  local file = assert(io.open("ears", "a"))
  file:write(table.concat({ luahub.context().node, ... }, " "), "\n")
  file:close()
end

local function text_of(data)
  if type(data) ~= "table" then return tostring(data) end
  local pids = data.node_pids and data.node_pids[1]
  return tostring(data.child_id or data.node or (pids and pids.node) or data.event or #data)
end

--- Its last argument is the event.
function ears.note(...)
  local words = { ... }
  words[#words] = text_of(words[#words])
  write(table.unpack(words))
end

--- One line for each child of the event.
function ears.children(word, data)
  local lines = {}
  for i, id in ipairs(data.children) do
    lines[i] = table.concat({ luahub.context().node, word, data.event, data.node, id }, " ")
  end
  local file = assert(io.open("ears", "a"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end

local function flat(value)
  if type(value) ~= "table" then return type(value) == "userdata" and "PID" or tostring(value) end
  local out = {}
  for key, field in pairs(value) do
    out[#out + 1] = math.type(key) and flat(field) or key .. "=" .. flat(field)
  end
  table.sort(out)
  return "{" .. table.concat(out, " ") .. "}"
end

--- All that the event holds, names and members sorted, any pid as PID.
function ears.fields(key, data)
  write(key, flat(data))
end

--- The same of an alter hook, whose data goes on with a mark.
function ears.mark(key, data)
  ears.fields(key, data)
  data.metadata.marked = "by " .. key
  return data
end

--- Changes the data of an alter hook: a list, to which the word is added.
function ears.add(word, list)
  list[#list + 1] = word
  return list
end

function ears.refuse(data)
  error("refused " .. tostring(data), 0)
end

--- Raises for odd numbers, and ends the process at 4.
function ears.choosy(data)
  if data == 4 then luahub.exit("normal") end
  if data % 2 == 1 then error("odd: " .. data, 0) end
  write("choosy", data)
end

return ears
