-- drained.lua (spec) - a node is drained while another is cut off, dies and comes back, and while it is taken for dead
-- itself; then it takes children again.

local migration = require("luahub.migration")

local DRAIN = [[
  local luahub = require("luahub")
  luahub.spawn(function() require("luahub").hub("shop"):drain() end)
  return true]]

local function state(world)
  return world:eval("n2", "return require('luahub').hub('shop'):drain_state()")
end

local function drained(world)
  world:eventually("n2 is drained", function()
    return state(world).state == "drained" and #world:children("n2") == 0
  end, 60000)
end

return {
  hubs = { { id = "shop", migration = migration.hot_swap({ handover = true }) } },
  nodes = 4,
  run = function(world)
    world:cluster(4)
    local specs = {}
    for i = 1, 200 do
      specs[i] = { id = "c" .. i, start = { "teller" } }
    end
    world:start(specs, { on = "n1" })
    world:settle()
    world:expect(#world:children("n2") > 0, "n2 has children")
    world:eval("n2", DRAIN)
    world:cut("n2", "n3")
    world:run_for(200)
    world:crash("n4")
    world:run_for(700)
    world:restart("n4")
    world:heal()
    world:settle(60000)
    drained(world)

    world:stall("n2", 6000)
    world:run_for(8000)
    world:settle(60000)
    drained(world)

    world:eval("n2", "return require('luahub').hub('shop'):undrain()")
    world:settle(60000)
    world:expect(#world:children("n2") > 0, "n2 takes children again")
  end,
}
