-- strategy_right.lua - recovery.lua with a strategy that depends on nothing but its arguments.
--
--   luahub sim examples/sim/strategy_right.lua --runs 20

local function place(ids, view)
  local owners = {}
  for i, id in ipairs(ids) do
    local sum = 0
    for at = 1, #id do
      sum = (sum * 31 + id:byte(at)) % 1000003
    end
    owners[i] = sum % #view.nodes + 1
  end
  return owners
end

return require("recovery")({ place = place })
