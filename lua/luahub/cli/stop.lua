-- cli/stop.lua - luahub stop NAME: has a node hand its children on and leave, and waits until it is gone.

local client = require("luahub.cli.client")
local complain = require("luahub.cli.complain")
local core = require("luahub.core")
local exit = require("luahub.cli.exit")

local M = {
  usage = "luahub stop NAME [--timeout MS]",
  summary = "stop a node gracefully and wait until it is gone",
  help = "The node hands its children on to others and ends. --timeout: how long to wait for it, 60000 ms by default.",
  positional = { "NAME" },
  options = { timeout = { value = "MS", number = true } },
}

local TIMEOUT_MS = 60000

-- The node closes the connection when its program ends, at the latest.
local function wait_until_gone(connection, name, deadline)
  while true do
    local message, err = connection:receive(math.max(deadline - core.now(), 0))
    if not message and err.code == "closed" then return exit.OK end
    if not message then return client.lost(name, err) end
    if message.op == "error" then
      complain(("node %s: %s"):format(name, message.text))
      return exit.FAILED
    end
  end
end

function M.run(values)
  local connection, unreachable = client.connect(values.NAME)
  if not connection then return unreachable end
  local sent, err = connection:send({ op = "stop" })
  if not sent then return client.lost(values.NAME, err) end
  local code = wait_until_gone(connection, values.NAME, core.now() + (values.timeout or TIMEOUT_MS))
  connection:close()
  return code
end

return M
