-- Three registries, all linked, of which n3 runs two children: what the specs of deaths and of stop orders begin with.
local registry = require "luahub_test.registry"

local three = {}
three.__index = three

function three.new(rows)
  local c = registry.cluster(3, 1)
  local self = setmetatable({ c = c }, three)
  for i = 1, 3 do
    for j = i + 1, 3 do c:link(i, j) end
  end
  for _, row in ipairs(rows) do c:put(3, "web", row.id, row) end
  self:settle()
  c:events(1)
  return self
end

--- Flushes and delivers until nothing moves any more.
function three:settle()
  repeat
    local moved = false
    for i = 1, 3 do self.c:flush(i) end
    while self.c:step() do moved = true end
  until not moved
end

--- The others lose `dead` and freeze its ledger.
function three:die(dead)
  for i = 1, 3 do
    if i ~= dead then self.c:cut(i, dead) end
  end
  for i = 1, 3 do
    if i ~= dead then self.c:freeze(i, dead) end
  end
end

return three
