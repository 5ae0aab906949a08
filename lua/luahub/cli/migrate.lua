-- cli/migrate.lua - luahub migrate NAME ID NODE: moves one child to a node, and keeps it there.

local client = require("luahub.cli.client")
local exit = require("luahub.cli.exit")

local M = {
  usage = "luahub migrate NAME ID NODE [--hub ID] [--timeout MS]",
  summary = "move one child to a node and keep it there",
  help = [[
Asks NAME to have the child ID of its first hub (or of --hub) moved to NODE, wherever it runs, and waits until it runs
there. It stays there until `luahub release NAME ID`; when NODE dies it is recovered elsewhere. --timeout: 10000 ms by
default.]],
  positional = { "NAME", "ID", "NODE" },
  options = { hub = { value = "ID" }, timeout = { value = "MS", number = true } },
}

function M.run(values)
  local hub = values.hub and ("luahub.hub(%q)"):format(values.hub) or "hub"
  local options = values.timeout and ("{ timeout = %d }"):format(values.timeout) or "nil"
  local code = ("return %s:migrate_child(%q, %q, %s)"):format(hub, values.ID, values.NODE, options)
  local text, failed = client.eval(values.NAME, { code = code })
  if not text then return failed end
  io.stdout:write(values.ID, " runs on ", values.NODE, "\n")
  return exit.OK
end

return M
