-- cli/attach.lua - luahub attach NAME: the REPL on a running node.

local client = require("luahub.cli.client")

local M = {
  usage = "luahub attach NAME",
  summary = "a REPL on a running node",
  help = [[
Lines of Lua run in a session of the node: an actor in a heap of its own. `hub` is the node's first hub, `luahub` the
module; help() lists the rest. Ctrl-C interrupts the running chunk, Ctrl-D leaves.]],
  positional = { "NAME" },
  options = {},
}

function M.run(values)
  local connection, unreachable = client.connect(values.NAME)
  if not connection then return unreachable end
  return require("luahub.repl.client").run(connection, values.NAME)
end

return M
