-- options.lua - writes doc/options.md from the tables that options and configurations are checked by
-- (lua/luahub/option.lua).
--
--   lua5.4 scripts/options.lua            writes the page
--   lua5.4 scripts/options.lua --check    says whether the page is what the tables say; exit status 1 if not

local PAGE = "doc/options.md"

package.path = "./lua/?.lua;" .. package.path
local option = require("luahub.option")

local HEAD = [[
# Options

Every option of every function, and every field of a configuration. A name that is not here is a misuse: the error names
the function, the option and the nearest known name. For spellings of ProcessHub it says what took their place.

This page is written by `make options` from the tables that the code checks by. More about each is in the
[manual](manual.md); names of functions that are others here are in [coming from ProcessHub](coming_from_processhub.md).
]]

local KINDS = {
  any = "a value",
  count = "an integer from 1 on",
  integer = "an integer",
  ms = "milliseconds",
  text = "a string",
}

local function shown_kind(kind)
  if type(kind) == "table" then return '`"' .. table.concat(kind, '"`, `"') .. '"`' end
  return KINDS[kind] or "a " .. kind
end

local function sorted(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function spellings(group)
  local out = {}
  for _, name in ipairs(sorted(group.renamed)) do
    out[#out + 1] = ("| `%s` | `%s` |"):format(name, group.renamed[name])
  end
  for _, name in ipairs(sorted(group.gone)) do
    out[#out + 1] = ("| `%s` | none: %s |"):format(name, group.gone[name])
  end
  if #out == 0 then return "" end
  return "\n| ProcessHub's | here |\n|---|---|\n" .. table.concat(out, "\n") .. "\n"
end

local function section(group)
  local rows = {}
  for i, entry in ipairs(group.entries) do
    local name, kind, default, what = table.unpack(entry)
    rows[i] = ("| `%s` | %s | %s | %s |"):format(name, shown_kind(kind), default, what)
  end
  local list = "It takes none.\n"
  if #rows > 0 then
    list = "| option | value | default | what it does |\n|---|---|---|---|\n" .. table.concat(rows, "\n") .. "\n"
  end
  local title = group.title:sub(1, 1):upper() .. group.title:sub(2)
  return ("## %s\n\n%s%s"):format(title, list, spellings(group))
end

local function page()
  local out = { HEAD }
  for _, group in ipairs(option.GROUPS) do
    out[#out + 1] = section(group)
  end
  return table.concat(out, "\n")
end

local function read(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

if arg[1] == "--check" then
  if read(PAGE) == page() then os.exit(0) end
  print(PAGE .. ": is not what lua/luahub/option.lua says: run `make options`")
  os.exit(1)
end
local file = assert(io.open(PAGE, "w"))
file:write(page())
file:close()
