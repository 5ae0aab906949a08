-- words.lua (spec) - what a child sees of time, chance and the machine in a simulation.

return {
  hubs = { { id = "shop" } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    world:start({ id = "probe", start = { "probe" } })
    local seen = {}
    for _, what in ipairs({ "clock", "slept", "random", "order", "address", "open", "execute", "popen" }) do
      local value, err = world:call("probe", what, { timeout = 20000 })
      seen[#seen + 1] = ("%s=%s"):format(what, tostring(value or err.message))
    end
    world:note("%s", table.concat(seen, ";"))
  end,
}
