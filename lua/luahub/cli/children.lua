-- cli/children.lua - luahub children NAME: the children of a node's hubs, wherever they run.

local report = require("luahub.cli.report")

local M = {
  usage = "luahub children NAME [--hub ID] [--json]",
  summary = "list the children of the hubs",
  help = "Lists the children of the hubs that NAME runs (or of one hub), sorted by id, with their nodes and pids.",
  positional = { "NAME" },
  options = { json = {}, hub = { value = "ID" } },
}

local function rows_of(child)
  local rows = {}
  for i, instance in ipairs(child.instances) do
    rows[i] = { child.hub, child.id, tostring(instance.node), tostring(instance.pid) }
  end
  if #rows == 0 then rows[1] = { child.hub, child.id, "-", "-" } end
  return rows
end

function M.run(values)
  local hub = values.hub and ("%q"):format(values.hub) or ""
  local code = ('return require("luahub.cli.report").children(%s)'):format(hub)
  return report.print(values.NAME, code, values.json, { "HUB", "CHILD", "NODE", "PID" }, rows_of)
end

return M
