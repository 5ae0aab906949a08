-- newcomers.lua (spec) - one more node joins, which nobody knew; then one comes up that was made from the disk of
-- another: of those two one goes on, and every child runs once.

return {
  hubs = { { id = "shop" } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:populate(30, "idle")
    world:always_each(function()
      return require("luahub.sim.safety").broken(world)
    end)
    local newcomer = world:add()
    world:settle()
    world:expect(#world:children(newcomer) > 0, "a new node gets its share", newcomer .. " runs nothing")
    local copy = world:clone("n2")
    world:settle()
    world:expect(not world:is_up("n2") and world:is_up(copy), "the later epoch goes on", "both or none of them run")
    world:note("%s", table.concat(world:nodes(true), " "))
  end,
}
