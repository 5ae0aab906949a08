-- tool.lua - what the helper of the cluster specs and its nodes both use: commands, files, waiting.

local M = {}

M.DEADLINE_S = 60 -- far beyond what anything takes, even under a sanitizer on a busy machine
local PAUSE_S = 0.02

--- Runs a shell command; answers its output and its exit status.
function M.output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  local _, how, status = pipe:close()
  return text, how == "exit" and status or 128 + status
end

--- The text as one word of a shell command.
function M.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- What a file holds, or nil.
function M.read(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

local function uptime()
  return tonumber(M.read("/proc/uptime"):match("^%S+"))
end

--- Waits until `check` answers something true, which is answered; fails with what it last said otherwise.
---@param what string
---@param check fun(): any, any
function M.eventually(what, check, seconds)
  local deadline = uptime() + (seconds or M.DEADLINE_S)
  while true do
    local answer, why = check()
    if answer then return answer end
    if uptime() > deadline then
      if type(why) == "table" then why = table.concat(why, "\n  ", 1, math.min(#why, 10)) end
      error(("waited in vain for: %s\n  %s"):format(what, tostring(why)), 2)
    end
    os.execute("sleep " .. PAUSE_S)
  end
end

-- Ports that somebody listens on or talks from, of TCP and UDP.
local function taken_ports()
  local taken = {}
  for _, name in ipairs({ "tcp", "tcp6", "udp", "udp6" }) do
    for port in (M.read("/proc/net/" .. name) or ""):gmatch("\n%s*%d+: %x+:(%x+)") do
      taken[tonumber(port, 16)] = true
    end
  end
  return taken
end

-- Not kept open: every spec file loads this one anew, and nodes inherit what is open.
local function draw()
  local random <close> = assert(io.open("/dev/urandom", "rb"))
  return ("I4"):unpack(random:read(4))
end

--- A port that nobody uses now, below those that the system hands out by itself.
function M.free_port()
  local taken = taken_ports()
  while true do
    local port = 12000 + draw() % 20000
    if not taken[port] then return port end
  end
end

return M
