-- Real programs that are killed when they leave and have handed all on: just before they say that they left, and while
-- that is on its way. Reliability's case 79. Needs a build that can stop at steps: `make failpoints`.
local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 30)

describe("A node that has handed all on", function()
  for _, step in ipairs({ "leave_drained", "leave_said" }) do
    it(("is as one that crashed when it is killed at %s, and nothing is lost with it (case 79)"):format(step),
      function()
        cluster.with({ hot = true }, function(world)
          local nodes = { world:start("n1") }
          nodes[2] = world:start("n2", {
            join = { nodes[1] },
            environment = ("LUAHUB_FAILPOINT=%s:kill:1 LUAHUB_FAILPOINT_LOG=%s"):format(step, world.track_file),
          })
          nodes[3] = world:start("n3", { join = { nodes[1] } })
          nodes[1]:start_children(IDS)
          world:settled(nodes, IDS)
          for i, id in ipairs(IDS) do nodes[1]:eval(("return hub:call(%q, { 'add', %d })"):format(id, i)) end
          local before = world:starts()
          local was_on = nodes[1]:registry().nodes
          nodes[2]:signal("TERM")
          assert.are_not.equal(0, nodes[2]:wait())
          local others = { nodes[1], nodes[3] }
          world:settled(others, IDS)
          assert.are.equal(#IDS * (#IDS + 1) // 2, nodes[3]:sum(IDS))
          for _, node in ipairs(others) do
            local said = node:output()
            local has_left = step == "leave_said" and said:find("n2 (epoch 1) is left", 1, true)
            assert.is_truthy(has_left or said:find("n2 (epoch 1) is dead", 1, true))
          end
          for id, count in pairs(world:starts()) do
            assert.are.equal(before[id] + (was_on[id] == "n2" and 1 or 0), count, id)
          end
        end)
      end)
  end
end)
