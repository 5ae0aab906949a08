-- cli/cordon.lua - luahub cordon NAME: has a node take no more children.

local openness = require("luahub.cli.openness")

local M = {
  usage = "luahub cordon NAME [--hub ID]",
  summary = "have a node take no more children; those it has stay",
  help = [[
NAME takes no more children of its hubs (or of one); those that it has stay, until `luahub uncordon NAME`.]],
  positional = { "NAME" },
  options = { hub = { value = "ID" } },
}

function M.run(values)
  return openness.run(values, "cordon", "", function()
    return "takes no more children"
  end)
end

return M
