-- The histories in which planted bugs are looked for: kind -> function(seed) -> { invariant, text }. None of them was
-- written for a bug: they are the histories that the specs of each room run.
local kinds = {}

local member

local function of_members(name)
  return function(seed)
    member = member or dofile "spec/member/history.lua"
    return member[name](seed)
  end
end

kinds["members, any fault"] = of_members "faults"
kinds["members, gentle faults"] = of_members "gentle"

return kinds
