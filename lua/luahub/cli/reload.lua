-- cli/reload.lua - luahub reload NAME: has a node read again what it reads while it runs, its allow_file.

local client = require("luahub.cli.client")
local exit = require("luahub.cli.exit")

local M = {
  usage = "luahub reload NAME",
  summary = "have a node read its allow_file again",
  help = [[
The node reads the file of node.allow_file again: nodes that are not in it any more lose their link to NAME at once, new
ones may come. When the file is wrong the list stays as it was. Every node reads its own file.]],
  positional = { "NAME" },
  options = {},
}

function M.run(values)
  local text, code = client.eval(values.NAME, { code = 'return require("luahub.allowed").reload()' })
  if not text then return code end
  io.stdout:write(text, "\n")
  return exit.OK
end

return M
