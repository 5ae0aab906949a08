-- cli/release.lua - luahub release NAME ID: lets a child that was moved by hand go where it belongs.

local client = require("luahub.cli.client")
local exit = require("luahub.cli.exit")

local M = {
  usage = "luahub release NAME ID [--hub ID]",
  summary = "let a child that was moved by hand go where it belongs",
  help = "The child ID of NAME's first hub (or of --hub) goes where the hub's distribution places it.",
  positional = { "NAME", "ID" },
  options = { hub = { value = "ID" } },
}

function M.run(values)
  local hub = values.hub and ("luahub.hub(%q)"):format(values.hub) or "hub"
  local text, failed = client.eval(values.NAME, { code = ("return %s:release_child(%q)"):format(hub, values.ID) })
  if not text then return failed end
  io.stdout:write(values.ID, " goes where it belongs\n")
  return exit.OK
end

return M
