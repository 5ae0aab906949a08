-- runtime.lua - a node's directories on the disk.
--
-- Control sockets are in $LUAHUB_RUNTIME_DIR, else $XDG_RUNTIME_DIR/luahub, else /tmp/luahub-UID.

local failure = require("luahub.failure")

local M = {}

-- The first line, or nil and why the command did not run.
local function output_of(command)
  local pipe, problem = io.popen(command)
  if not pipe then return nil, problem end
  local text = pipe:read("l")
  pipe:close()
  return text
end

local function quoted(path)
  return "'" .. path:gsub("'", "'\\''") .. "'"
end

local function user_id()
  return output_of("id -u 2>/dev/null") or "0"
end

local function from_environment(name, suffix)
  local value = os.getenv(name)
  return value and value ~= "" and value .. suffix or nil
end

--- The directory of control sockets.
---@return string
function M.directory()
  return from_environment("LUAHUB_RUNTIME_DIR", "")
    or from_environment("XDG_RUNTIME_DIR", "/luahub")
    or "/tmp/luahub-" .. user_id()
end

--- Makes a directory when it is missing, for its owner only, and refuses one that others may write.
---@param path string
---@param code? "runtime_dir"|"data_dir"  what it is for; default "runtime_dir"
---@return string? path
---@return luahub.Failure?  with that code
function M.ensure(path, code)
  code = code or "runtime_dir"
  local what = code == "data_dir" and "data directory" or "runtime directory"
  local complaint, problem = output_of("LC_ALL=C mkdir -p -m 700 -- " .. quoted(path) .. " 2>&1")
  complaint = complaint or problem
  if complaint then
    local reason = complaint:match(": ([^:]+)$") or complaint
    if reason == "File exists" then reason = "there is a file of that name" end
    return failure.new(code, "cannot make the %s %s: %s", what, path, reason)
  end
  local owner, mode = (output_of("stat -c '%u %a' -- " .. quoted(path)) or ""):match("^(%d+) (%d+)$")
  if not owner then
    return failure.new(code, "cannot look at the %s %s: the program stat could not be run", what, path)
  end
  if owner ~= user_id() then
    return failure.new(code, "the %s %s belongs to another user", what, path)
  end
  if tonumber(mode, 8) & 18 ~= 0 then
    return failure.new(code, "the %s %s can be written by others: chmod 700 %s", what, path, path)
  end
  return path
end

--- The control socket of a node.
---@param name string
---@return string
function M.socket(name)
  return ("%s/%s.sock"):format(M.directory(), name)
end

return M
