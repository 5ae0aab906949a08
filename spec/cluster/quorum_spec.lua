-- Real nodes whose hub needs a quorum: a process that is stopped and goes on. What ran is what the children themselves
-- wrote down, in the order of one file.
local cluster = require("spec.cluster.helper")
local ticks = require("spec.cluster.ticks")

local function counts(world)
  local _, starts = ticks.problems(world)
  local most, all = 0, 0
  for _, count in pairs(starts) do
    most = math.max(most, count)
    all = all + 1
  end
  return most, all
end

describe("a node with a quorum strategy that is stopped and goes on (SIGSTOP)", function()
  it("keeps its children after a moment", function()
    cluster.with(ticks.OPTIONS, function(world)
      local nodes = ticks.hub_of_three(world)
      nodes[3]:signal("STOP")
      os.execute("sleep 0.3")
      nodes[3]:signal("CONT")
      nodes[3]:eval("return hub:nodes{ include_local = true }")
      assert.equal("", (ticks.problems(world)))
      assert.same({ 1, ticks.COUNT }, { counts(world) })
    end)
  end)

  it("lets none of them do anything once the others have taken over, but terminate (case 53)", function()
    cluster.with(ticks.OPTIONS, function(world)
      local nodes = ticks.hub_of_three(world)
      local there = ticks.run_on(nodes[1], "n3")
      assert.is_true(there > 0)
      nodes[3]:signal("STOP")
      cluster.eventually("the others run all", function()
        return ticks.run_on(nodes[1], "n1 n2") == ticks.COUNT
      end, 40)
      nodes[3]:signal("CONT")
      cluster.eventually("it is a member again", function()
        local members = nodes[1]:eval("return hub:nodes{ include_local = true }")
        return #members == 3 and not nodes[3]:eval("return hub:is_locked()")
      end, 40)
      assert.equal("", (ticks.problems(world)))
      local ended = 0
      for line in io.lines(world.track_file) do
        if line:match("^terminate .* " .. nodes[3].pid .. "$") then ended = ended + 1 end
      end
      assert.is_true(ended >= there, "what it gave up was told so: " .. ended)
    end)
  end)
end)
