-- Real programs that are killed, or stand still, at each step of a hand-over (csrc/hub/move.c, takeover.c), as the
-- side that gives and as the side that takes. Reliability's case 73 (target) and case 74 (source). Needs a build
-- that can stop at steps: `make failpoints`.
--
--   source: prepare   is about to ask the other side to prepare   target: prepare   was asked to
--           freeze    knows it prepared, is about to freeze               freeze    has prepared, has not said so
--           transfer  holds the state, has not sent it                    transfer  has the state
--           install   has sent the state                                  install   the child has taken it over
--           commit    sees by its row that it runs there                  commit    has written the row
--           release   has told the old instance to end                    release   sees that the old row is gone
local cluster = require("spec.cluster.helper")
local handover = require("spec.failpoint.handover")

local STEPS = { "prepare", "freeze", "transfer", "install", "commit", "release" }
local IDS = handover.ids

local function with(side, step, how, times, body)
  cluster.with({ hot = true }, function(world)
    body(world, handover.begin(world, side, step, how, times))
  end)
end

-- What was never there, and what another one had taken over.
local function outlives_source(one)
  local pid = one.struck.pid
  return function(story, id) return not story:began_in(id, pid) or story:taken_elsewhere(id, pid) end
end

-- All of them, as the row of none was to be seen yet; at the last step what the dead one had not taken over.
local function outlives_target(one)
  local pid = one.struck.pid
  return function(story, id) return one.step ~= "release" or not story:taken_in(id, pid) end
end

local SIDES = {
  { name = "source", number = 74, promise = outlives_source },
  { name = "target", number = 73, promise = outlives_target },
}

for _, side in ipairs(SIDES) do
  for _, step in ipairs(STEPS) do
    describe(("A hand-over whose %s is at the step %s"):format(side.name, step), function()
      it(("%d: and is killed: each child runs once, and what is promised is kept"):format(side.number), function()
        with(side.name, step, "kill", 1, function(world, one)
          one.struck:wait()
          world:settled(one.others, IDS)
          handover.check(one, side.promise(one))
        end)
      end)

      it(("%d: and stands still for a moment: nothing is lost or runs twice"):format(side.number), function()
        with(side.name, step, "stop", 1, function(world, one)
          local n1 = one.nodes[1]
          local before = n1:member(one.struck.name)
          cluster.eventually("it stands still", function() return one.struck:is("T") end)
          one.struck:continue()
          world:settled(one.nodes, IDS)
          local now = n1:member(one.struck.name)
          -- On a machine that is busy enough a moment is long, and the others take it for dead.
          local doubted = not before or before.epoch ~= now.epoch
          handover.check(one, function() return not doubted end)
          if not doubted then handover.check_strictly(one) end
        end)
      end)

      it(("%d: and stands still until it is taken for dead: as if it died, also when it is back"):format(side.number),
        function()
          with(side.name, step, "stop", 1, function(world, one)
            world:settled(one.others, IDS)
            one.struck:continue()
            world:settled(one.nodes, IDS)
            handover.check(one, side.promise(one))
          end)
        end)
    end)
  end
end
