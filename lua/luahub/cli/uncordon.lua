-- cli/uncordon.lua - luahub uncordon NAME: has a node take children again.

local openness = require("luahub.cli.openness")

local M = {
  usage = "luahub uncordon NAME [--hub ID]",
  summary = "have a node take children again, after cordon or drain",
  help = [[
NAME takes children of its hubs (or of one) again, after `luahub cordon` or `luahub drain`.]],
  positional = { "NAME" },
  options = { hub = { value = "ID" } },
}

function M.run(values)
  return openness.run(values, "uncordon", "", function()
    return "takes children"
  end)
end

return M
