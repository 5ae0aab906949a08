-- cli/members.lua - luahub members NAME: the nodes of the cluster as one of them sees them.

local report = require("luahub.cli.report")

local M = {
  usage = "luahub members NAME [--json]",
  summary = "list the nodes of the cluster",
  help = [[
Lists the nodes as NAME sees them, with their states, addresses and hubs; `*` marks NAME itself, `(takes none)` a hub
that a node takes no children of.]],
  positional = { "NAME" },
  options = { json = {} },
}

local function rows_of(member)
  local name = tostring(member.name) .. (member.is_self and "*" or "")
  local address = type(member.address) == "string" and member.address or "-"
  local is_cordoned, hubs = {}, {}
  for _, id in ipairs(member.cordoned or {}) do
    is_cordoned[id] = true
  end
  for i, id in ipairs(member.hubs or {}) do
    hubs[i] = is_cordoned[id] and id .. " (takes none)" or id
  end
  return { { name, tostring(member.state), address, table.concat(hubs, ", ") } }
end

function M.run(values)
  local code = 'return require("luahub.cli.report").members()'
  return report.print(values.NAME, code, values.json, { "NAME", "STATE", "ADDRESS", "HUBS" }, rows_of)
end

return M
