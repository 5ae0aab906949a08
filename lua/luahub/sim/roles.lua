-- sim/roles.lua - which instance of a replicated child was told that it is the active one, as the children themselves
-- tell it: { hub, child, node, role }, where `role` is "untold" when an instance begins, what it is told later, and
-- "ended" at its end.

---@class luahub.sim.Roles
local Roles = {}
Roles.__index = Roles

local M = {}

---@return luahub.sim.Roles
function M.new()
  return setmetatable({ of_child = {}, doubled = {} }, Roles)
end

--- What the instances of a child were told last: node -> role. Not to be changed.
---@return table<string, string>
function Roles:of(hub, id)
  return self.of_child[hub .. " " .. id] or {}
end

---@param told { hub: string, child: string, node: string, role: string }
function Roles:take(told)
  local key = told.hub .. " " .. told.child
  local on = self.of_child[key] or {}
  self.of_child[key] = on
  on[told.node] = told.role ~= "ended" and told.role or nil
  if told.role ~= "active" then return end
  for name, role in pairs(on) do
    if name ~= told.node and role == "active" then
      self.doubled[#self.doubled + 1] = ("%s: told on %s while %s is active"):format(key, told.node, name)
    end
  end
end

--- The node is down, and what ran there with it.
function Roles:lost(node)
  for _, on in pairs(self.of_child) do
    on[node] = nil
  end
end

return M
