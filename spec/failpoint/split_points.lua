-- Real nodes on loopback that are split by their own fault plan (csrc/env/fault.h), where there is no root for network
-- namespaces; and one way only, which those of other specs are not. What ran is what the children wrote themselves.
-- Needs a build with failpoints: `make failpoints`.
local apart = require("spec.cluster.apart")
local cluster = require("spec.cluster.helper")
local plan = require("spec.failpoint.plan")
local ticks = require("spec.cluster.ticks")

local IDS = cluster.ids("c", 30)

describe("Nodes that their fault plan splits", function()
  it("go on whole on both sides, and are one hub after the heal: each child once, of the higher generation", function()
    apart.over(plan.new, 3, nil, function(world, net, nodes)
      nodes[1]:start_children(IDS)
      apart.settled(world, nodes, IDS)
      net:split { { 1, 2 }, { 3 } }
      local of_two = apart.settled(world, { nodes[1], nodes[2] }, IDS)
      local of_one = apart.settled(world, { nodes[3] }, IDS)
      net:heal()
      apart.settled(world, nodes, IDS)
      local now = nodes[1]:ask(IDS, '"where"')
      for _, id in ipairs(IDS) do
        assert.is_true(now[id].generation >= math.max(of_one[id], of_two[id]), id)
      end
    end)
  end)

  -- How many children wrote on this node that they were told to end.
  local function ended_on(world, node)
    local count = 0
    for line in io.lines(world.track_file) do
      if line:match("^terminate .* " .. node.pid .. "$") then count = count + 1 end
    end
    return count
  end

  local CUTS = {
    { "is cut off", function(net) net:split { { 1, 2 }, { 3 } } end },
    { "is not heard, and hears", function(net) net:cut_one_way({ 3 }, { 1, 2 }) end },
    { "does not hear, and is heard", function(net) net:cut_one_way({ 1, 2 }, { 3 }) end },
  }
  for _, cut in ipairs(CUTS) do
    it(("of a hub that needs two of three: the one that %s ends its children, the others take over, and it is whole "
      .. "after the heal; nothing ran twice"):format(cut[1]), function()
        cluster.with(ticks.OPTIONS, function(world)
          local net <close> = plan.new(3)
          local nodes = ticks.hub_of_three(world, net)
          local there = ticks.run_on(nodes[1], "n3")
          assert.is_true(there > 0)
          cut[2](net)
          cluster.eventually("the others run all", function()
            return ticks.run_on(nodes[1], "n1 n2") == ticks.COUNT
          end)
          cluster.eventually("what it gave up has ended", function() return ended_on(world, nodes[3]) >= there end)
          net:heal()
          ticks.whole_again(world, nodes)
          assert.equal("", (ticks.problems(world)))
        end)
      end)
  end
end)

describe("A fault plan that is none", function()
  it("ends the node with one line that says where", function()
    cluster.with(nil, function(world)
      world:write("wrong", "cut 127.0.0.1:1 127.0.0.1:2\ncut all\n")
      local node = world:launch("n1", { environment = "LUAHUB_FAULT_PLAN=wrong" })
      assert.are_not.equal(0, node:wait())
      assert.equal("LUAHUB_FAULT_PLAN is wrong: line 2 is 'cut all', expected cut HOST:PORT HOST:PORT\n", node:output())
      local other = world:launch("n2", { environment = "LUAHUB_FAULT_PLAN=none" })
      assert.are_not.equal(0, other:wait())
      assert.equal("LUAHUB_FAULT_PLAN is none: cannot read none: no such file or directory\n", other:output())
    end)
  end)
end)
