-- cli/report.lua - what `luahub members` and `luahub children` ask a node, and how they print it.
--
-- `members` and `children` run in a session of the node; the rest in the program that asked.

local core = require("luahub.core")
local failure = require("luahub.failure")

local M = {}

--- On the node: its members.
---@return table[]?
---@return luahub.Failure?
function M.members()
  return require("luahub.members").list()
end

--- On the node: the children of one hub, or of all of the node's hubs.
---@param hub_id? string
---@return table[]?  { hub, id, instances }
---@return luahub.Failure?
function M.children(hub_id)
  local hubs, err = core.request("hubs")
  if not hubs then return nil, err end
  if hub_id then
    local state = core.request("hub_state", { hub = hub_id })
    if not state or not state.alive then return failure.new("not_alive", "hub %s does not run on this node", hub_id) end
    hubs = { hub_id }
  end
  local out = {}
  for _, id in ipairs(hubs) do
    for _, child in ipairs(core.list(id, { scope = "global" })) do
      out[#out + 1] = { hub = id, id = child.id, instances = child.instances }
    end
  end
  return out
end

--- Lines of text in columns, the first row as heads.
---@param rows string[][]
---@return string
function M.columns(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      widths[i] = math.max(widths[i] or 0, utf8.len(cell) or #cell)
    end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      local width = utf8.len(cell) or #cell
      cells[i] = i == #row and cell or cell .. (" "):rep(widths[i] - width)
    end
    lines[#lines + 1] = table.concat(cells, "  ")
  end
  return table.concat(lines, "\n")
end

--- Asks the node for a report and prints it: as JSON, or as the columns that `row_of` makes of each entry.
---@param name string
---@param code string
---@param json boolean?
---@param heads string[]
---@param rows_of fun(entry: table): string[][]
---@return integer exit_code
function M.print(name, code, json, heads, rows_of)
  local client = require("luahub.cli.client")
local complain = require("luahub.cli.complain")
  local exit = require("luahub.cli.exit")
  local text, failed = client.eval(name, { code = code, json = true })
  if not text then return failed end
  if json then
    io.stdout:write(text, "\n")
    return exit.OK
  end
  local entries = require("cjson.safe").decode(text)
  if type(entries) ~= "table" then
    complain(("node %s answered something else than a list"):format(name))
    return exit.FAILED
  end
  local rows = { heads }
  for _, entry in ipairs(entries) do
    for _, row in ipairs(rows_of(entry)) do
      rows[#rows + 1] = row
    end
  end
  io.stdout:write(M.columns(rows), "\n")
  return exit.OK
end

return M
