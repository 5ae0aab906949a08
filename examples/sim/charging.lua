-- charging.lua - a scenario: is every order charged exactly once, also when the node it runs on crashes? Used by
-- charges_twice.lua and charges_once.lua.
--
-- The bank stands for a service outside of the cluster: it stays on the node that never crashes.

local ORDERS = 6

local function charged_once(world)
  local charges = world:call("bank", {}, { on = "n1" })
  if not charges then return false, "the bank does not answer" end
  for i = 1, ORDERS do
    local id = "order-" .. i
    if charges[id] ~= 1 then return false, ("%s was charged %d times"):format(id, charges[id] or 0) end
  end
  return true
end

-- The bank on the first node, orders on all.
local function place(ids, view)
  local owners = {}
  for i, id in ipairs(ids) do
    local number = tonumber(id:match("%d+$"))
    owners[i] = number and number % #view.nodes + 1 or 1
  end
  return owners
end

return function(with_key)
  return {
    hubs = { { id = "shop", distribution = { place = place } } },
    nodes = 3,
    run = function(world)
      world:cluster(3)
      world:start({ id = "bank", start = { "bank" } })
      for i = 1, ORDERS do
        world:start({ id = "order-" .. i, start = { "order", "bank", with_key } })
      end
      world:eventually("every order is charged once", charged_once, 10000)
      world:crash("n" .. world.random:between(2, 3))
      world:run_for(10000)
      world:settle()
      world:eventually("every order is charged once", charged_once, 5000)
    end,
  }
end
