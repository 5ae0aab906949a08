-- machine.lua (spec) - clocks, hooks and addresses as a scenario sets them, and what nodes and children see of it.

local DAY_MS = 24 * 3600 * 1000

local function date(world)
  return assert(world:call("probe", "clock"))
end

return {
  hubs = {
    { id = "shop", distribution = {
      place = function(ids)
        local owners = {}
        for i = 1, #ids do
          owners[i] = 1
        end
        return owners
      end,
    } },
  },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:start({ id = "probe", start = { "probe" } })
    world:expect(date(world) == "2026-01-01", "the date")
    world:skew("n1", 0.02, 31 * DAY_MS)
    world:expect(date(world) == "2026-02-01", "the date has jumped", date(world))
    world:skew("n1", -0.02, -DAY_MS)
    world:expect(date(world) == "2025-12-31", "the date has jumped back", date(world))
    world:slow_hook("n1", 1500)
    local began = world:now()
    world:start({ id = "late", start = { "probe" } }, { on = "n1" })
    world:expect(world:now() - began >= 1500, "the strategy takes its time")
    world:slow_hook("n1", 0)
    world:crash("n2")
    world:run_for(5000)
    world:restart("n2", { address = "new" })
    world:settle()
    world:note("all is well")
  end,
}
