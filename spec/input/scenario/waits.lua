-- waits.lua (spec) - waits that a real clock would make long: a hook handler and a stop that take too long, members
-- that cannot agree.

return {
  hubs = { { id = "shop", hooks = { bell = { { id = "slow", handler = { "sleeper", "forever" } } } } } },
  nodes = 4,
  run = function(world)
    local function counters(name)
      local answer, err = world:eval(name, "return require('luahub').counters()")
      world:expect(answer, "the counters", err and err.message)
      return answer
    end

    world:cluster(4)
    local stubborn = { id = "stubborn", start = { "sleeper" }, shutdown = 60000, restart = "temporary" }
    world:start(stubborn, { on = "n1" })
    world:settle()
    world:eval("n1", [[
      local luahub = require("luahub")
      return luahub.dispatcher.dispatch_event(luahub.hub("shop").event_queue, "bell", 1, { members = "local" })]])
    world:run_for(59000)
    world:expect(counters("n1").node.hooks_failed == 0, "a handler has 60 s")
    world:run_for(2000)
    world:expect(counters("n1").node.hooks_failed == 1, "a handler that takes longer is ended and counted")

    local answer = world:eval("n1", [[
      local result = require("luahub").hub("shop"):stop_child("stubborn", { awaitable = true }):await()
      local e = result:errors()[1]
      return { result:status(), e and e.code }]])
    world:note("a stop that takes too long: %s, %s", tostring(answer[1]), tostring(answer[2]))
    world:expect(answer[1] == "error" and answer[2] == "timeout", "a stop has 10 s")
    world:run_for(60000)

    world:cut("n1", "n2")
    world:run_for(3000)
    world:crash("n4")
    world:run_for(20000)
    local acted = 0
    for _, name in ipairs({ "n1", "n2", "n3" }) do
      acted = acted + counters(name).hub.acted_without_agreement
    end
    world:expect(acted > 0, "members that cannot agree act on their own view after 10 s, and count it")
    world:heal()
    world:settle(60000)
  end,
}
