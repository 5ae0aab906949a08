-- gossip.lua (spec) - twenty nodes pass events on: each has each of them once, nobody sends one to all, and who dies on
-- the way costs nobody an event twice.

local luahub = require("luahub")

local NODES, EVENTS, RECIPIENTS = 20, 50, 2

return {
  hubs = {
    {
      id = "shop",
      synchronization = luahub.synchronization.gossip({ recipients = RECIPIENTS }),
      hooks = { news = { { id = "hear", handler = { "sleeper", "hear" } } } },
    },
  },
  nodes = NODES,
  run = function(world)
    local function ask(name, chunk)
      local answer, err = world:eval(name, "local luahub = require('luahub') " .. chunk)
      world:expect(answer, "an answer", err and err.message)
      return answer
    end
    local function counters(name)
      return ask(name, "return luahub.counters()")
    end
    local function tell(count)
      ask("n1", ([[
        for i = 1, %d do
          luahub.dispatcher.propagate_event("shop", { name = "news", data = i }, { members = "global" })
        end
        return true]]):format(count))
    end

    world:cluster(NODES)
    world:settle()
    local before = counters("n1")
    tell(EVENTS)
    world:run_for(5000)
    for _, name in ipairs(world:nodes(true)) do
      local heard = counters(name).node.hooks_run
      world:expect(heard == EVENTS, ("%s has each event once"):format(name), tostring(heard))
    end
    local sent = counters("n1").link.frames_out - before.link.frames_out
    world:note("n1 sent %d frames for %d events to %d nodes", sent, EVENTS, NODES - 1)
    world:expect(sent < EVENTS * (2 * RECIPIENTS + 2), "who begins an event sends it to a few", tostring(sent))

    tell(EVENTS)
    for _, name in ipairs({ "n5", "n9", "n14" }) do
      world:crash(name)
    end
    world:run_for(20000)
    local missing = 0
    for _, name in ipairs(world:nodes(true)) do
      local heard = counters(name).node.hooks_run
      world:expect(heard <= 2 * EVENTS, ("%s has no event twice"):format(name), tostring(heard))
      missing = missing + 2 * EVENTS - heard
    end
    world:note("%d of %d were lost with three nodes", missing, EVENTS * 17)
    world:expect(missing < EVENTS * 17 / 4, "most events reach those that live", tostring(missing))
  end,
}
