-- secret.lua - the cluster's secret: where it is read from and what is asked of it.

local core = require("luahub.core")
local failure = require("luahub.failure")

local M = {}

M.HOW_TO = "make one with `luahub keygen > FILE; chmod 600 FILE` and set node.secret_file"

--- What is wrong with a secret, or nil.
---@param text string
---@return string?
function M.problem(text)
  local ok, err = core.secret_check(text)
  if ok then return nil end
  return ("%s; %s"):format(tostring(err), M.HOW_TO)
end

local function quoted(path)
  return "'" .. path:gsub("'", "'\\''") .. "'"
end

-- The file's permission bits; nil where there is no stat(1).
local function mode_of(path)
  local pipe = io.popen("stat -L -c %a -- " .. quoted(path) .. " 2>/dev/null")
  local text = pipe and pipe:read("l")
  if pipe then pipe:close() end
  return text and tonumber(text, 8)
end

--- Reads the secret from a file that nobody else may read.
---@param path string
---@return string?
---@return luahub.Failure?  code invalid_config
function M.read(path)
  local file, err = io.open(path, "r")
  if not file then return failure.new("invalid_config", "node.secret_file: cannot read %s; %s", err, M.HOW_TO) end
  local text = file:read("a")
  file:close()
  if not text then return failure.new("invalid_config", "node.secret_file: %s is not a file", path) end
  local mode = mode_of(path)
  if mode and mode & 63 ~= 0 then
    local told = "node.secret_file: %s can be read by others (mode %o): chmod 600 %s"
    return failure.new("invalid_config", told, path, mode, path)
  end
  text = text:gsub("^%s+", ""):gsub("%s+$", "")
  local problem = M.problem(text)
  if problem then return failure.new("invalid_config", "node.secret_file: %s: %s", path, problem) end
  return text
end

return M
