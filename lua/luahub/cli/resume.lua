-- cli/resume.lua - luahub resume NAME: has children move to where they belong again.

local openness = require("luahub.cli.openness")

local M = {
  usage = "luahub resume NAME [--hub ID]",
  summary = "have children move to where they belong again, after pause",
  help = [[
Children of NAME's hubs (or of one) move again when nodes come or go, after `luahub pause`.]],
  positional = { "NAME" },
  options = { hub = { value = "ID" } },
}

function M.run(values)
  return openness.run(values, "resume_moves", "", function()
    return "moves go on"
  end)
end

return M
