-- round_robin.lua - a distribution strategy that is plausible and wrong: each node counts for itself.
--
-- Every node asks its own copy of the strategy, and all must get the same answer for the same question. A counter
-- answers differently on every node and at every time. `luahub sim` finds it (strategy_wrong.lua).

local round_robin = {}

local last = 0

function round_robin.place(ids, view)
  local owners = {}
  for i = 1, #ids do
    last = last % #view.nodes + 1
    owners[i] = last
  end
  return owners
end

return round_robin
