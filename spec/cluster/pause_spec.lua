-- Real nodes that are stopped (SIGSTOP) for 0.3 s to 60 s and go on, in a hub that hands children over hot and in one
-- that needs a quorum: nothing runs twice where it must not, nothing is lost. Both by the logs of the children.
local cluster = require("spec.cluster.helper")
local ticks = require("spec.cluster.ticks")

local IDS = cluster.ids("c", 30)

-- Two clusters of three; `body(hot, quorum)` has { world, nodes } of each.
local function with_both(body)
  cluster.with({ hot = true }, function(hot)
    cluster.with(ticks.OPTIONS, function(quorum)
      body({ world = hot, nodes = hot:hub_of(3, IDS) }, { world = quorum, nodes = ticks.hub_of_three(quorum) })
    end)
  end)
end

local function is_well(hot, quorum)
  hot.world:settled(hot.nodes, IDS)
  ticks.whole_again(quorum.world, quorum.nodes)
  assert.equal("", (ticks.problems(quorum.world)))
end

local function stopped_for(seconds)
  with_both(function(hot, quorum)
    hot.nodes[3]:pause()
    quorum.nodes[3]:signal("STOP")
    os.execute("sleep " .. seconds)
    hot.nodes[3]:continue()
    quorum.nodes[3]:signal("CONT")
    is_well(hot, quorum)
  end)
end

describe("Nodes that are stopped and go on (SIGSTOP, SIGCONT)", function()
  for _, seconds in ipairs({ 0.3, 1, 3 }) do
    it(("run each child once, and none that was given up, after %s s"):format(seconds), function()
      stopped_for(seconds)
    end)
  end

  for _, seconds in ipairs({ 8, 60 }) do
    it(("do so after %d s #slow"):format(seconds), function()
      stopped_for(seconds)
    end)
  end

  it("do so after many short ones, one after the other", function()
    with_both(function(hot, quorum)
      for round = 1, 12 do
        local index = round % 3 + 1
        hot.nodes[index]:pause()
        quorum.nodes[index]:signal("STOP")
        os.execute("sleep 0.4")
        hot.nodes[index]:continue()
        quorum.nodes[index]:signal("CONT")
      end
      is_well(hot, quorum)
    end)
  end)
end)
