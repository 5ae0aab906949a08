-- cli/client.lua - one conversation with a running node over its control socket, for the commands that ask a node.

local complain = require("luahub.cli.complain")
local core = require("luahub.core")
local exit = require("luahub.cli.exit")
local runtime = require("luahub.runtime")

local M = {}

local CODE_OF = { timeout = exit.TIMEOUT, interrupted = exit.FAILED }

--- Connects to a node by its name.
---@param name string
---@return userdata?
---@return integer? exit_code  when nobody answers; it has been told on stderr
function M.connect(name)
  local path = runtime.socket(name)
  local client, err = core.control(path)
  if client then return client end
  complain(("node %s cannot be reached: %s"):format(name, err.message))
  return nil, exit.UNREACHABLE
end

--- Says what went wrong while waiting for the node and answers the exit code for it.
---@param name string
---@param err luahub.Failure
---@return integer
function M.lost(name, err)
  if err.code == "timeout" then
    complain(("node %s did not answer in time"):format(name))
  elseif err.code == "interrupted" then
    complain("interrupted")
  else
    complain(("node %s: %s"):format(name, err.message))
  end
  return CODE_OF[err.code] or exit.UNREACHABLE
end

--- Runs a chunk in a session of the node and collects its result; what it prints goes to stdout as it comes.
---@param name string
---@param request { code: string, json: boolean?, timeout: integer? }
---@return string? text   the first value, as readable Lua or JSON
---@return integer? exit_code
function M.eval(name, request)
  local client, unreachable = M.connect(name)
  if not client then return nil, unreachable end
  local sent, err = client:send({ op = "eval", code = request.code, json = request.json, timeout = request.timeout })
  if not sent then return nil, M.lost(name, err) end
  local deadline = request.timeout and core.now() + request.timeout
  local parts = {}
  while true do
    local message
    message, err = client:receive(deadline and math.max(deadline - core.now(), 0))
    if not message then
      client:send({ op = "interrupt" })
      client:close()
      return nil, M.lost(name, err)
    elseif message.op == "print" then
      io.stdout:write(message.text)
      io.stdout:flush()
    elseif message.op == "part" then
      parts[#parts + 1] = message.text
    elseif message.op == "result" then
      client:close()
      return table.concat(parts) .. message.text
    elseif message.op == "error" then
      client:close()
      io.stderr:write(message.text .. "\n")
      return nil, exit.FAILED
    end
  end
end

return M
