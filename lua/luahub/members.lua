-- members.lua - the nodes of the cluster as this one sees them.

local core = require("luahub.core")
local facts = require("luahub.facts")

---@class luahub.Member
---@field name string
---@field state string   "alive", "suspect", "dead", "left", ...
---@field id string
---@field epoch integer  higher at every start of the node
---@field address string?
---@field hubs string[]
---@field cordoned string[]  those hubs that it takes no children of: cordoned, drained, leaving, or too busy to answer
---@field is_self boolean
---@field weight number
---@field pressure number  heaps there that wait for a thread, for each of its threads; 0 unless a hub goes by load
---@field labels table<string, string>

local M = {}

--- The nodes, this one included, sorted by name.
---@return luahub.Member[]?
---@return luahub.Failure?
function M.list()
  local list, err = core.request("members")
  if not list then return nil, err end
  for _, member in ipairs(list) do
    if member.address == "" then member.address = nil end
    member.weight, member.pressure = member.weight / 1000, member.pressure / 1000
    member.labels = facts.labels(member.labels)
  end
  table.sort(list, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return a.id < b.id
  end)
  return list
end

return M
