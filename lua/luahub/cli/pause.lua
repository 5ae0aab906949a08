-- cli/pause.lua - luahub pause NAME: has a node keep its children though they belong elsewhere.

local openness = require("luahub.cli.openness")

local M = {
  usage = "luahub pause NAME [--hub ID]",
  summary = "have no child leave a node because nodes came or went",
  help = [[
No child of NAME's hubs (or of one) moves because nodes came or went, until `luahub resume NAME`. Moves under way end;
`luahub drain`, `luahub migrate` and `luahub stop` move children all the same, and those of dead nodes are recovered.]],
  positional = { "NAME" },
  options = { hub = { value = "ID" } },
}

function M.run(values)
  return openness.run(values, "pause_moves", "", function()
    return "moves are paused"
  end)
end

return M
