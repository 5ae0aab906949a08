-- Autonomous moves, in histories drawn from seeds: each node looks alone, and still each child runs once, where it
-- belongs. The numbers are those of the scenarios that ProcessHub's later versions describe.
local faults = require("spec.hub.faults")
local history = require("spec.hub.history")
local quorums = require("spec.hub.quorums")
local splits = require("spec.hub.splits")

local HISTORIES = {
  { "nodes join, leave and die", 60, { "join", "crash", "leave" }, strict = true },
  { "nodes come and go while children are started, stopped and end", 60,
    { "join", "crash", "leave", "start", "stop", "start", "stop", "end_child" }, strict = true },
  { "links break", 40, { "join", "crash", "start", "stop", "break_link", "break_link", "break_link" } },
  { "nodes stall", 40, { "stall", "stall", "start", "join", "crash", "break_link", "end_child" } },
  { "a distribution of the user's places", 40, { "join", "crash", "leave", "start", "stop" }, custom = "spread" },
  { "one that fails places", 60, { "join", "crash", "leave", "start", "stop" }, custom = "broken" },
}

describe("hubs that move children autonomously #notsan", function()
  for _, case in ipairs(HISTORIES) do
    it("run each once, where it belongs, when " .. case[1], function()
      for seed = 1, case[2] do
        local options = { hot = "autonomous", strict = case.strict, custom = case.custom, deterministic = true }
        assert.same({}, faults(seed, case[3], options), "seed " .. seed)
      end
    end)
  end

  it("run each once when the network splits and heals", function()
    for seed = 1, 40 do
      local wrong = splits(seed, 2 + seed % 5, { times = 1 + seed % 2, rest = 150000, hot = "autonomous" })
      assert.same({}, wrong, "seed " .. seed)
    end
  end)

  for _, kind in ipairs { "static", "majority", "dynamic" } do
    it("never run one twice where a quorum decides: " .. kind, function()
      for seed = 1, 12 do assert.same({}, (quorums(seed, kind, "autonomous")), "seed " .. seed) end
    end)
  end

  it("send no start from node to node for a join, a death and a leave (G10, G11)", function()
    local h = history.new(1, 3, { hot = "autonomous" })
    h:start(1, 1, 100)
    h:run(5000)
    local before = h.sim:figures().start_frames
    h:join()
    h:run(10000)
    h.sim:crash(2)
    h:run(20000)
    h.sim:leave(3)
    h:run(20000)
    assert.same({}, h:rest())
    assert.equal(before, h.sim:figures().start_frames)
    for id, instances in pairs(h.sim:truth()) do assert.equal(h.sim:home(id), instances[1], id) end
  end)

  it("carry out a move that somebody asks for, and keep the child there", function()
    local h = history.new(1, 3, { hot = "autonomous" })
    h:start(1, 1, 20)
    h:run(5000)
    local from = h.sim:truth().c1[1]
    local to = from == "n3" and "n1" or "n3"
    assert.equal(0, h.sim:move(tonumber(from:sub(2)), "c1", to))
    h:run(5000)
    h:join()
    assert.same({}, h:rest())
    assert.equal(to, h.sim:truth().c1[1])
  end)
end)
