-- cli/drain.lua - luahub drain NAME: has a node hand its children on and take none, and waits until that is done.

local openness = require("luahub.cli.openness")

local M = {
  usage = "luahub drain NAME [--hub ID] [--deadline MS]",
  summary = "hand a node's children on to others; the node goes on",
  help = [[
Hands the children of NAME's hubs (or of one) to the other nodes, and waits until it is done. NAME takes no children
until `luahub uncordon NAME`, or until it is started anew. --deadline: after so long (60000 ms by default) what is left
moves cold, whatever the migration strategy says. Exit status 1 when children stay; they are named.]],
  positional = { "NAME" },
  options = { hub = { value = "ID" }, deadline = { value = "MS", number = true } },
}

local function line(result)
  local text = ("%d moved, %d of them after the deadline"):format(result.moved + result.forced, result.forced)
  if #result.failed == 0 then return text end
  local names = {}
  for i, child in ipairs(result.failed) do
    names[i] = ("%s (%s)"):format(child.id, child.message)
  end
  return ("%s; %d stay: %s"):format(text, #names, table.concat(names, ", ")), true
end

function M.run(values)
  local argument = values.deadline and ("{ deadline = %d }"):format(values.deadline) or ""
  return openness.run(values, "drain", argument, line)
end

return M
