-- lint.lua - the rules of the house that no other linter knows: which room may include which, who may call
-- into Lua, how long files and functions may be, and what must not be named in a tracked file.
--
--   lua5.4 scripts/lint.lua [DIRECTORY]
--
-- Reads the files that git tracks (or would track) in DIRECTORY, or all files below it where there is no
-- git. Prints `file:line: what` for each finding, sorted; exit status 1 if there is one, 2 on misuse.
-- It reads text, not C: it relies on the layout that clang-format gives.

local root = arg[1] or "."

-- A room includes only itself and rooms above it.
local ROOMS = {
  "base", "env", "wire", "script", "actor", "link", "member", "registry", "hub", "node", "sim", "lua",
}
-- Rooms beside the house: they include no other room, and no other room includes them.
local APART = { line = true }

local function set(...)
  local answer = {}
  for _, name in ipairs { ... } do answer[name] = true end
  return answer
end

local RANK = {}
for rank, room in ipairs(ROOMS) do RANK[room] = rank end

-- System headers that only some rooms may include.
local ONLY_IN = {
  ["uv.h"] = set "env",
  ["lua.h"] = set("script", "actor", "lua", "line"),
  ["lauxlib.h"] = set("script", "actor", "lua", "line"),
  ["lualib.h"] = set("script", "actor", "lua", "line"),
  ["histedit.h"] = set "line",
}
-- State machines without a clock, a socket or a file: their time and their input are arguments.
local PURE = set("wire", "member", "registry", "hub")
local IMPURE = set(
  "time.h", "sys/time.h", "sys/socket.h", "netinet/in.h", "arpa/inet.h", "netdb.h", "unistd.h",
  "fcntl.h", "poll.h", "sys/epoll.h", "signal.h"
)
-- Functions that may be called in some rooms only.
local CALLS = {
  lua_pcall = set("script", "line"),
  lua_pcallk = set "script",
  lua_resume = set "script",
  luaL_dofile = set(),
  luaL_dostring = set(),
}

local LINES_MAX = { c = 600, h = 600, lua = 400 }
local FUNCTION_LINES_MAX = 60

-- Patterns of what ties a file to one machine or to one package server. Written so that they do not
-- match themselves.
local BANNED = {
  { "[/]work/%a", "names an absolute path of one machine" },
  { "[/]root/%a", "names an absolute path of one machine" },
  { "[/]home/%a", "names an absolute path of one machine" },
  { "://deb[.]", "names a package server" },
  { "://registry[.]", "names a package server" },
  { "://packages[.]", "names a package server" },
  { "://[%w.-]*mirror", "names a package server" },
  { "luarocks[.]org", "names a package server" },
  { "npmjs[.]", "names a package server" },
}

local findings = {}
local function report(path, line, what, ...)
  findings[#findings + 1] = { path, line, what:format(...) }
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function output_lines(command)
  local pipe = assert(io.popen(command))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  return lines, pipe:close()
end

local function tracked_files()
  local there = quote(root)
  local files, ok = output_lines(
    "cd " .. there .. " && git ls-files --cached --others --exclude-standard 2>/dev/null")
  if not ok or #files == 0 then
    files = output_lines("cd " .. there .. " && find . -type f -not -path './.git/*' -not -path './build/*'")
  end
  for i, path in ipairs(files) do files[i] = path:gsub("^%./", "") end
  table.sort(files)
  return files
end

local function read_lines(path)
  local file = io.open(root .. "/" .. path, "rb")
  if not file then return nil end -- Deleted, and not yet committed as such.
  local text = file:read "a"
  file:close()
  if not text or text:find("\0", 1, true) then return nil end
  local lines = {}
  for line in text:gmatch "([^\n]*)\n?" do lines[#lines + 1] = line end
  if lines[#lines] == "" then lines[#lines] = nil end
  return lines
end

-- Functions that may be longer, with the reason: lines `path name reason` of scripts/lint_allow.
local function read_allowed()
  local allowed = {}
  for number, line in ipairs(read_lines "scripts/lint_allow" or {}) do
    if line ~= "" and not line:find "^#" then
      local path, name, reason = line:match "^(%S+)%s+(%S+)%s+(%S.*)$"
      if reason then
        allowed[path .. " " .. name] = true
      else
        report("scripts/lint_allow", number, "expected: path function reason")
      end
    end
  end
  return allowed
end

local function check_room_include(path, line, room, target)
  local other = target:match "^([%w_]+)/"
  if not other or other == room then return end
  if APART[room] or APART[other] then
    report(path, line, "room %s stands apart from room %s: neither includes the other", room, other)
  elseif not RANK[other] then
    report(path, line, "includes %s, and there is no room %s", target, other)
  elseif RANK[room] and RANK[other] > RANK[room] then
    report(path, line, "room %s includes room %s, which is below it", room, other)
  elseif target:find "/internal%.h$" then
    report(path, line, "%s is private to room %s", target, other)
  end
end

local function check_system_include(path, line, room, target)
  local allowed = ONLY_IN[target]
  if allowed and not allowed[room] then
    report(path, line, "room %s includes %s", room, target)
  elseif PURE[room] and IMPURE[target] then
    report(path, line, "room %s is pure: no clock, socket or file, and it includes %s", room, target)
  end
end

local function check_calls(path, number, room, line)
  for name in line:gmatch "([%a_][%w_]*)%s*%(" do
    local allowed = CALLS[name]
    if allowed and not allowed[room] then
      report(path, number, "%s outside csrc/script, the one door to Lua", name)
    end
  end
end

local function check_room(path, lines, room)
  if not RANK[room] and not APART[room] then
    report(path, 1, "csrc/%s is not a room of the house", room)
    return
  end
  for number, line in ipairs(lines) do
    local mark, target = line:match '^%s*#%s*include%s*([<"])([^>"]+)[>"]'
    if mark == '"' then
      check_room_include(path, number, room, target)
    end
    if target then check_system_include(path, number, room, target) end
    check_calls(path, number, room, (line:gsub("//.*", "")))
  end
end

local function check_length(path, lines, extension)
  local most = LINES_MAX[extension]
  if most and #lines > most then
    report(path, most + 1, "%d lines; a file has at most %d", #lines, most)
  end
end

local function check_function_length(path, first, last, name, allowed)
  local length = last - first + 1
  if length > FUNCTION_LINES_MAX and not allowed[path .. " " .. name] then
    report(path, first, "%s has %d lines; a function has at most %d", name, length, FUNCTION_LINES_MAX)
  end
end

-- clang-format puts the head of a function at the first column and its end alone on a line.
local function check_c_functions(path, lines, allowed)
  local first, name
  for number, line in ipairs(lines) do
    if not first and line:find "^[%a_].*%(" then
      first, name = number, line:match "([%w_]+)%s*%("
    end
    if first and line:find "^}" then
      check_function_length(path, first, number, name, allowed)
      first = nil
    elseif first and line:find ";%s*$" and line:find "^%S" then
      first = nil -- A declaration, or a definition on one line.
    elseif first and line:find "^[%a_].*}%s*$" then
      first = nil
    end
  end
end

-- Lua's own compiler knows where its functions begin and end.
local function check_lua_functions(path, lines, allowed)
  local listing, ok = output_lines("luac5.4 -l -p " .. quote(root .. "/" .. path) .. " 2>&1")
  if not ok then
    report(path, 1, "does not compile: %s", listing[1] or "luac5.4 failed")
    return
  end
  for _, line in ipairs(listing) do
    local first, last = line:match "^function <.*:(%d+),(%d+)>"
    if first then
      first, last = tonumber(first), tonumber(last)
      local name = lines[first]:match "function%s+([%w_.:]+)" or lines[first]:match "([%w_.]+)%s*=%s*function"
      check_function_length(path, first, last, name or "a function", allowed)
    end
  end
end

local function check_banned(path, lines)
  for number, line in ipairs(lines) do
    for _, entry in ipairs(BANNED) do
      if line:find(entry[1]) then report(path, number, "%s", entry[2]) end
    end
  end
end

local function check_file(path, allowed)
  local lines = read_lines(path)
  if not lines then return end
  check_banned(path, lines)
  local extension = path:match "%.(%w+)$"
  check_length(path, lines, extension)
  local room = path:match "^csrc/([^/]+)/"
  if room and (extension == "c" or extension == "h") then check_room(path, lines, room) end
  if path:find "^csrc/" and extension == "c" then check_c_functions(path, lines, allowed) end
  -- A describe block is a function too, and as long as what it describes.
  if extension == "lua" and not path:find "^spec/" then check_lua_functions(path, lines, allowed) end
end

local allowed = read_allowed()
local files = tracked_files()
if #files == 0 then
  io.stderr:write("lint: no files in ", root, "\n")
  os.exit(2)
end
for _, path in ipairs(files) do check_file(path, allowed) end

table.sort(findings, function(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  if a[2] ~= b[2] then return a[2] < b[2] end
  return a[3] < b[3]
end)
for _, finding in ipairs(findings) do print(("%s:%d: %s"):format(table.unpack(finding))) end
os.exit(#findings == 0 and 0 or 1)
