-- Strategies of the user's that raise, are slow, or answer nonsense where nobody waits for an answer: when children are
-- to move or to be recovered, when an event spreads, when a hub starts. Placement is in hook_spec.lua.
--
-- Tagged #notsan: what is tried is decided in one thread, and real nodes are slow there.
local cluster = require("spec.cluster.helper")

-- The file `how` says what the strategy does; without it `good` is the answer.
local STRATEGY = [[%s = { %s = function(...)
    local given = ...
    local file = io.open("how")
    local how = file and file:read("a")
    if file then file:close() end
    if how == "raise" then error("decided as told") end
    if how == "slow" then
      local stop = os.time() + 7
      while os.time() < stop do end
    elseif how then
      local function words(word)
        local list = {}
        for i in ipairs(given) do list[i] = word end
        return list
      end
      return load("return " .. how, "=how", "t", { words = words, coroutine = coroutine, pcall = pcall })()
    end
    %s
  end } ]]

local IDS = cluster.ids("c", 16)

local function counted(node)
  local counters = node:eval("return luahub.counters()")
  return counters.hub.strategy_errors + counters.node.questions_failed
end

-- It is tried, logged in one line and counted; then the strategy comes to reason.
local function tried(world, node, how, text, cause)
  local before, mark = counted(node), #node:output()
  world:write("how", how)
  cause()
  cluster.eventually("it is logged: " .. text, function()
    return node:output():find(text, mark, true), node:output():sub(mark)
  end)
  assert.is_true(counted(node) > before)
  return function()
    assert(os.remove(world.directory .. "/how"))
  end
end

local function in_cluster(role, fn, good, body)
  cluster.with({ hub = STRATEGY:format(role, fn, good) }, function(world)
    local n1 = world:start("n1")
    n1:start_children(IDS)
    body(world, n1)
  end)
end

describe("A migration strategy that #notsan", function()
  local GOOD = [[
    local plan = {}
    for i in ipairs(given) do plan[i] = "cold" end
    return plan]]

  for _, case in ipairs({
    { "raises", "raise", "decided as told" },
    { "answers a number", "7", "hub main: the migration strategy's move() must answer a list, got number" },
    { "answers nothing", "nil", "hub main: the migration strategy's move() must answer a list, got nil" },
    { "answers too few words", "{}", "the migration strategy's move() must answer a list of" },
    { "answers an unknown word", "words 'warm'",
      "the migration strategy's move() answered warm at [1]: expected \"cold\", \"hot\" or false" },
    { "is too slow", "slow", "in time" },
  }) do
    it(case[1] .. " moves nothing and loses nothing, and is asked again", function()
      in_cluster("migration", "move", GOOD, function(world, n1)
        local n2
        local mend = tried(world, n1, case[2], case[3], function()
          n2 = world:start("n2", { join = { n1 } })
        end)
        assert.are.equal(0, n2:eval("return #hub:process_list('local')"))
        mend()
        cluster.eventually("some have moved", function()
          return n1:eval("return #hub:process_list('local')") < #IDS
        end)
        world:settled({ n1, n2 }, IDS)
      end)
    end)
  end
end)

describe("A synchronization strategy that #notsan", function()
  for _, case in ipairs({
    { "raises", "raise", "decided as told" },
    { "answers a number", "7", "hub main: the synchronization strategy's propagate() must answer a list, got number" },
    { "answers a node that is not there", "{ 'n9' }", "propagate() answered n9 at [1]: not one of the members" },
    { "is too slow", "slow", "in time" },
  }) do
    it(case[1] .. " spreads that event to nobody, and is asked for the next", function()
      in_cluster("synchronization", "propagate", "return (select(2, ...))", function(world, n1)
        local n2 = world:start("n2", { join = { n1 } })
        n2:eval([[
          local listener = { id = "listener", start = { "listener" } }
          assert(hub:start_child(listener, { awaitable = true }):await():status() == "ok")
          return hub:register_hook_handlers("bell",
            { { id = "tell", handler = { "listener", "tell", "listener", "bell" } } })]])
        local function ring(data)
          n1:eval(([[return luahub.dispatcher.propagate_event(hub, { name = "bell", data = %d })]]):format(data))
        end
        local mend = tried(world, n1, case[2], case[3], function()
          ring(1)
        end)
        mend()
        ring(2)
        cluster.eventually("the second event has come, and the first has not", function()
          local heard = n1:eval([[return hub:call("listener", "heard")]])
          return #heard == 1 and heard[1].data == 2, #heard .. " heard"
        end)
      end)
    end)
  end
end)

describe("A partition strategy that #notsan", function()
  for _, case in ipairs({
    { "raises", "raise", "decided as told" },
    { "answers a word", "'yes'", "hub main: the partition_tolerance strategy's may_act() must answer true or false" },
    { "answers nothing", "nil", "hub main: the partition_tolerance strategy's may_act() must answer true or false" },
    { "is too slow", "slow", "in time" },
  }) do
    it(case[1] .. " starts nothing, and is asked again", function()
      in_cluster("partition_tolerance", "may_act", "return true", function(world, n1)
        local n2 = world:start("n2", { join = { n1 } })
        cluster.eventually("some have moved", function()
          return n2:eval("return #hub:process_list('local')") > 0
        end)
        world:settled({ n1, n2 }, IDS)
        local own = n1:eval("return #hub:process_list('local')")
        local mend = tried(world, n1, case[2], case[3], function()
          n2:kill()
        end)
        assert.are.equal(own, n1:eval("return #hub:process_list('local')"))
        mend()
        world:settled({ n1 }, IDS)
      end)
    end)
  end
end)

describe("A redundancy strategy that #notsan", function()
  for _, case in ipairs({
    { "raises", "raise", "decided as told" },
    { "answers a word", "'two'", "factor()" },
    { "answers nothing", "nil", "factor()" },
    { "answers none", "0", "factor()" },
    { "loops for ever", "(function() while true do end end)()", "no answer within 5000 ms" },
    { "loops for ever in pcall and in a coroutine",
      "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
      "no answer within 5000 ms" },
  }) do
    it(case[1] .. " is refused in one line when the hub starts, and disturbs no other node", function()
      in_cluster("redundancy", "factor", "return 1", function(world, n1)
        world:write("how", case[2])
        local n2 = world:launch("n2", { join = { n1 } })
        assert.are.equal(6, n2:wait())
        local line = ("\n" .. n2:output()):match("\nluahub: (hub main: [^\n]*)\n")
        assert.is_truthy(line and line:find(case[3], 1, true), n2:output())
        world:settled({ n1 }, IDS)
      end)
    end)
  end
end)
