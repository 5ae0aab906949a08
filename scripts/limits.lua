-- limits.lua - writes doc/limits.md from the code: every limit with its name, default, counter and spec.
--
--   lua5.4 scripts/limits.lua            writes the page
--   lua5.4 scripts/limits.lua --check    says where the page, or a limit, is wrong; exit status 1 if there is something
--
-- A limit is a constant with a comment in front of it that begins with "limit:", in C or in Lua:
--
--   // limit: messages waiting for one actor | actor.mailbox_full | spec/actor/message_spec.lua: limits a mailbox
--   LH_MAILBOX_MAX = 100000,
--
-- The second part names counters of csrc/node/counters.c; or, where nothing is lost because who asked is told,
-- `code NAME`: the code of the error that he gets; or, where nobody is refused, `nothing: ` and what happens instead.
-- The third names the spec that reaches the limit, and its test: words of the line that begins with `it(`.
-- Whatever else has a limit's name (..._MAX, ..._MS, ..._LIMIT) stands in scripts/no_limits.lua with the reason.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local NO_LIMITS = dofile(here .. "/no_limits.lua")

local PAGE = "doc/limits.md"
local COUNTERS = "csrc/node/counters.c"
local ROOMS = { "base", "env", "wire", "script", "actor", "link", "member", "registry", "hub", "node", "lua" }

local HEAD = [[
# Limits

Every queue, table, message, name, depth and wait has a limit with a name, so that no input and no peer can make a node
use more than it should. What a limit refuses is counted, or answered with an error whose code stands in its place.
`luahub.counters()` tells the counters, in any heap, in the REPL, and by `luahub eval NAME 'return luahub.counters()'`.

This page is written by `make limits` from the code: the names are those of constants there. Those of `lua` are in the
Lua modules, the others in the room of `csrc/` of that name. Only `node.heap_memory` and `node.schedulers` are set in
the configuration; a default deadline is replaced by the one that a caller gives.
]]

local findings = {}
local function complain(place, text, ...)
  findings[#findings + 1] = place .. ": " .. text:format(...)
end

local function lines_of(path)
  local lines = {}
  local file = io.open(path, "r")
  if not file then return nil end
  for line in file:lines() do
    lines[#lines + 1] = line
  end
  file:close()
  return lines
end

local function files(command)
  local out = {}
  local pipe = assert(io.popen(command))
  for path in pipe:lines() do
    out[#out + 1] = path
  end
  pipe:close()
  return out
end

-- --- constants ---

-- Every `NAME = expression` of the C code and of the Lua code, as text.
local function constants_of(text, into)
  text = text:gsub("//[^\n]*", "")
  for name, expression in text:gmatch("([%u][%u%d_]+)%s*=%s*([^,;}]+)") do
    into[name] = into[name] or expression
  end
  for name, expression in text:gmatch("#define ([%u][%u%d_]+) (%b())") do
    into[name] = into[name] or expression
  end
end

local function evaluate(expression, constants, depth)
  if depth > 10 then return nil end
  local environment = setmetatable({ UINT64_C = function(value) return value end }, {
    __index = function(_, name)
      return constants[name] and evaluate(constants[name], constants, depth + 1)
    end,
  })
  local source = "return " .. expression:gsub("%s*%-%-.*", ""):gsub("(%d)[uU]%f[%W]", "%1")
  local chunk = load(source, "=limit", "t", environment)
  local ok, value = pcall(chunk or error)
  return ok and math.tointeger(value) or nil
end

-- --- limits ---

-- The comment that begins on this line, as one text, and the line after it.
local function comment_at(lines, first, mark)
  local parts, at = {}, first
  while lines[at] and lines[at]:match("^%s*" .. mark) do
    parts[#parts + 1] = lines[at]:match("^%s*" .. mark .. "%s*(.-)%s*$")
    at = at + 1
  end
  return table.concat(parts, " "), at
end

local function defined_at(lines, at)
  local text = table.concat(lines, "\n", at, math.min(at + 2, #lines))
  return text:match("^[^\n]-([%u][%u%d_]+)%s*=%s*([^,;}\n]+)")
    or text:match("^#define ([%u][%u%d_]+) (%b())")
end

local function expression_at(lines, at)
  local text = table.concat(lines, "\n", at, math.min(at + 2, #lines)):gsub("//[^\n]*", "")
  local name, expression = text:match("^[^=]-([%u][%u%d_]+)%s*=%s*([^,;}]+)")
  if not name then
    name, expression = text:match("^#define ([%u][%u%d_]+) (%b())")
  end
  return name, expression and expression:match("^[^\n]*%S") or expression
end

local function split(text)
  local parts = {}
  for part in (text .. " | "):gmatch("(.-) | ") do
    parts[#parts + 1] = part:match("^%s*(.-)%s*$")
  end
  return parts
end

local function read_limit(path, lines, number, mark, room)
  local text, after = comment_at(lines, number, mark)
  local place = ("%s:%d"):format(path, number)
  local parts = split(text:match("^limit:%s*(.*)$"))
  local name = defined_at(lines, after)
  local expression = select(2, expression_at(lines, after))
  if not name then return complain(place, "no constant follows this limit") end
  if #parts ~= 3 then
    return complain(place, "%s: expected `limit: what it bounds | counters, or code NAME | spec: its test`", name)
  end
  return {
    name = name, expression = expression, place = place, room = room,
    what = parts[1], counted = parts[2], spec = parts[3],
  }
end

local function limits_of(path, room, into)
  local lines = lines_of(path)
  local mark = path:match("%.lua$") and "%-%-" or "//"
  for number, line in ipairs(lines) do
    if line:match("^%s*" .. mark .. " limit: ") then
      into[#into + 1] = read_limit(path, lines, number, mark, room)
    end
  end
  return table.concat(lines, "\n")
end

-- --- what a limit names must be there ---

local function counters()
  local known, room = {}, nil
  for _, line in ipairs(lines_of(COUNTERS)) do
    room = line:match("^static void count_(%l+)%(") or room
    local name = line:match('^%s+count%(group, "([%l_]+)"')
    if name then known[room .. "." .. name] = true end
  end
  return known
end

local function check_counted(limit, known, code)
  if limit.counted:match("^nothing: .") then return end
  for word in limit.counted:gmatch("[^,]+") do
    word = word:match("^%s*(.-)%s*$")
    local answered = word:match("^code ([%l_]+)$")
    if answered then
      if not code:find('"' .. answered .. '"', 1, true) then
        complain(limit.place, "%s: no error has the code %s", limit.name, answered)
      end
    elseif not known[word] then
      complain(limit.place, "%s: %s has no counter '%s'", limit.name, COUNTERS, word)
    end
  end
end

local function check_spec(limit, cache)
  local path, test = limit.spec:match("^(spec/%S+_spec%.lua): (.+)$")
  if not path then return complain(limit.place, "%s: expected `spec/..._spec.lua: name of its test`", limit.name) end
  cache[path] = cache[path] or lines_of(path) or {}
  for _, line in ipairs(cache[path]) do
    if line:match("^%s*it%(") and line:find(test, 1, true) then return end
  end
  complain(limit.place, "%s: %s has no test '%s'", limit.name, path, test)
end

-- --- the page ---

local function grouped(number)
  local text = ("%d"):format(number)
  return (text:reverse():gsub("(%d%d%d)", "%1,"):gsub(",$", ""):reverse())
end

local function shown(limit, value)
  if limit.name:match("_MS$") then return grouped(value) .. " ms" end
  if limit.what:match("^bytes") and value >= 1024 and value % 1024 == 0 then
    local mib = value % (1024 * 1024) == 0
    return mib and grouped(value // (1024 * 1024)) .. " MiB" or grouped(value // 1024) .. " KiB"
  end
  return grouped(value)
end

local function row(limit, constants)
  local value = limit.expression and evaluate(limit.expression, constants, 0)
  if not value then
    complain(limit.place, "%s: its value cannot be read from the code", limit.name)
    value = 0
  end
  local counted = limit.counted:match("^nothing: (.*)$") or limit.counted:gsub("[^,%s][^,]*", function(word)
    return word:match("^code") and ("code `%s`"):format(word:match("^code (.*)$")) or ("`%s`"):format(word)
  end)
  local spec = limit.spec:match("^(%S+):") or limit.spec
  return ("| `%s` | %s | %s | %s | `%s` |"):format(limit.name, shown(limit, value), limit.what, counted, spec)
end

local TAIL = [[
## Constants that are no limits

Each has the name of one (`..._MAX`, `..._MS`), but is not what keeps a node's share of the machine bounded.

| what it is | constants |
|---|---|]]

local function other_rows()
  local out = { TAIL }
  for _, group in ipairs(NO_LIMITS) do
    local names = {}
    for name in group[2]:gmatch("%S+") do
      names[#names + 1] = ("`%s`"):format(name)
    end
    out[#out + 1] = ("| %s | %s |"):format(group[1], table.concat(names, ", "))
  end
  return table.concat(out, "\n") .. "\n"
end

local function page_of(limits, constants)
  local out = { HEAD }
  for _, room in ipairs(ROOMS) do
    local rows = {}
    for _, limit in ipairs(limits) do
      if limit.room == room then rows[#rows + 1] = row(limit, constants) end
    end
    if #rows > 0 then
      local head = "| limit | default | what it bounds | counted as | reached by |\n|---|---|---|---|---|"
      out[#out + 1] = ("## %s\n\n%s\n%s\n"):format(room, head, table.concat(rows, "\n"))
    end
  end
  out[#out + 1] = other_rows()
  return table.concat(out, "\n")
end

-- --- what has a limit's name ---

-- The simulated world's own constants bound no node.
local function is_of_a_node(path)
  return not (path:match("^csrc/sim/") or path:match("^csrc/env/sim") or path:match("^lua/luahub/sim"))
end

local function named_in(path, text, into)
  text = ("\n" .. text):gsub("//[^\n]*", ""):gsub("%-%-[^\n]*", "")
  for name in text:gmatch("%f[%w_]([%u][%u%d_]+)%s*[=,)%(]") do
    local sort = name:match("_(%u+)$")
    local defined = text:find("%f[%w_]" .. name .. "%s*=[^=]") or text:find("#define " .. name .. " %(")
      or text:find("local [%u%d_, ]*%f[%w_]" .. name .. "%s*[,=]")
    if (sort == "MAX" or sort == "MS" or sort == "LIMIT") and defined then into[name] = into[name] or path end
  end
end

local function check_named(named, limits)
  local known, listed = {}, {}
  for _, limit in ipairs(limits) do
    known[limit.name] = true
  end
  for _, group in ipairs(NO_LIMITS) do
    for name in group[2]:gmatch("%S+") do
      listed[name] = true
      if not named[name] then complain("scripts/no_limits.lua", "%s is not there any more", name) end
      if known[name] then complain("scripts/no_limits.lua", "%s is a limit", name) end
    end
  end
  for name, path in pairs(named) do
    if not known[name] and not listed[name] then
      complain(path, "%s has a limit's name: it needs a comment `limit: `, or a reason in scripts/no_limits.lua", name)
    end
  end
end

local function run()
  local limits, constants, code, named = {}, {}, {}, {}
  for _, path in ipairs(files("find csrc lua -name '*.[ch]' -o -name '*.lua' | LC_ALL=C sort")) do
    local text = limits_of(path, path:match("^csrc/(%l+)/") or "lua", limits)
    constants_of(text, constants)
    if is_of_a_node(path) then named_in(path, text, named) end
    code[#code + 1] = text
  end
  check_named(named, limits)
  local known, cache, everything = counters(), {}, table.concat(code, "\n")
  for _, limit in ipairs(limits) do
    check_counted(limit, known, everything)
    check_spec(limit, cache)
  end
  return page_of(limits, constants)
end

local page = run()
if arg[1] == "--check" then
  local there = table.concat(lines_of(PAGE) or {}, "\n") .. "\n"
  if there ~= page then complain(PAGE, "is not what the code says: run `make limits`") end
else
  local file = assert(io.open(PAGE, "w"))
  file:write(page)
  file:close()
end
table.sort(findings)
for _, finding in ipairs(findings) do
  print(finding)
end
os.exit(#findings == 0 and 0 or 1)
