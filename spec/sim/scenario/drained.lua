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

-- Asks for a method of the hub; it must answer true.
local function must(world, name, call)
  local ok, err = world:eval(name, "return require('luahub').hub('shop'):" .. call)
  world:expect(ok == true, call, err and err.message or tostring(ok))
end

local function place(world, id)
  return world:eval("n2", ("return require('luahub').hub('shop'):child_lookup(%q).instances[1].node"):format(id))
end

-- A child is moved by hand, and told of new metadata wherever it is.
local function by_hand(world)
  local to = place(world, "c1") == "n1" and "n3" or "n1"
  must(world, "n2", ("migrate_child('c1', %q)"):format(to))
  world:expect(place(world, "c1") == to, "it is where it was put", place(world, "c1"))
  must(world, "n2", "set_metadata('c1', { a = 1, b = 2 })")
  must(world, "n3", "set_metadata('c1', { c = 3 }, { remove = { 'a' } })")
  must(world, "n1", ("migrate_child('c1', %q)"):format(to))
  local metadata = world:eval("n4", [[
    local m = require('luahub').hub('shop'):child_lookup('c1', { with_metadata = true }).metadata
    return ("%s %s %s"):format(m.a, m.b, m.c)]])
  world:expect(metadata == "nil 2 3", "all know its metadata", metadata)
  must(world, "n4", "release_child('c1')")
  local code = world:eval("n4", [[
    local _, err = require('luahub').hub('shop'):migrate_child('c1', 'n9')
    return err.code]])
  world:expect(code == "not_a_member", "no such node", code)
  world:settle(60000)
end

local function cordoned(world)
  must(world, "n3", "cordon()")
  world:settle(60000)
  world:expect(#world:children("n3") > 0, "a cordoned node keeps what it has")
  must(world, "n3", "uncordon()")
  world:settle(60000)
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
    by_hand(world)
    cordoned(world)
  end,
}
