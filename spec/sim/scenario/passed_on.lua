-- passed_on.lua (spec) - children that hand over while they are told things all the time, from every node: what was
-- sent to one that has moved is passed on, and none of it is lost.
local luahub = require("luahub")

local COUNT = 12

local TELL = [[
  local hub, told = require("luahub").hub("shop"), {}
  for i = 1, ... do told[i] = hub:cast("c" .. i, "count") and 1 or 0 end
  return told]]

local function tell(world, told)
  for _, name in ipairs(world:nodes(true)) do
    local sent = world.booted[name] and world:eval(name, TELL, COUNT)
    for i, count in ipairs(sent or {}) do told[i] = (told[i] or 0) + count end
    world:run_for(world.random:between(1, 30))
  end
end

return {
  hubs = { { id = "shop", migration = luahub.migration.hot_swap { handover = true } } },
  nodes = 2,
  run = function(world)
    local told = {}
    world:cluster(2)
    world:populate(COUNT, "tally")
    world:settle()
    for round = 1, 40 do
      if round % 10 == 5 then world:add() end
      tell(world, told)
    end
    world:settle()
    for i = 1, COUNT do
      local heard, id = world:call("c" .. i, "count"), "c" .. i
      world:expect(heard == told[i], "M4 what was sent to one that has moved is passed on",
        ("%s was told %d times and heard %s"):format(id, told[i], tostring(heard)))
    end
  end,
}
