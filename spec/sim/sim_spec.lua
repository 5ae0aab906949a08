-- The simulator: whole nodes, virtual time, one seed one history, and what its guide promises.

local sim = require("luahub.sim")
local histories = require("spec.sim.histories")

local function scenario(name)
  return "spec/sim/scenario/" .. name .. ".lua"
end

local function run(path, options)
  local report, err = sim.run(path, options)
  assert(report, tostring(err))
  return report
end

local function held(path, options)
  return histories.hold_seed(path, options and options.seed or 1, options)
end

local function last_line(report)
  return report.history[#report.history]:match("s  (.*)$")
end

describe("a simulated cluster", function()
  it("plays the same history twice for each seed", function()
    local seen = {}
    for _, seed in ipairs({ 1, 2, 3, 4, 50 }) do -- the last has TLS, the others the imitation of it
      local first = held("examples/sim/chaos.lua", { seed = seed, minutes = 0.5 })
      local second = held("examples/sim/chaos.lua", { seed = seed, minutes = 0.5 })
      assert.equal(first.hash, second.hash, "seed " .. seed)
      assert.same(first.hashes, second.hashes)
      assert.same(first.history, second.history)
      assert.is_nil(seen[first.hash], "two seeds gave one history")
      seen[first.hash] = true
    end
  end)

  -- The order of keys, and chance, are others in each process.
  it("plays it in other processes, too, where the scenario goes by the order of keys or by chance", function()
    local first
    for _ = 1, 4 do
      local process = assert(io.popen("lua5.4 bin/luahub sim spec/sim/scenario/keys.lua --seed 3"))
      local text = process:read("a"):match("^(.*)%d+ history")
      assert(process:close())
      assert.matches("flute", text)
      first = first or text
      assert.equal(first, text)
    end
  end)

  it("loses and doubles nothing under the faults of a few seeds (E5)", function()
    for seed = 101, 115 do
      held("examples/sim/chaos.lua", { seed = seed, minutes = 0.5 })
    end
  end)

  it("puts a node's own file under chaos when it has no run", function()
    local report = held("spec/sim/scenario/static.lua", { seed = 3, nodes = 3, minutes = 0.5 })
    assert.equal("at rest", last_line(report))
  end)

  it("comes together again after a split in which each half took over the other's children", function()
    for seed = 1, 8 do
      held(scenario("split"), { seed = seed })
    end
  end)

  it("has hooks that tell each node of a split and its heal, and of the quorum that it lost and regained", function()
    for seed = 1, 8 do held(scenario("heal_hooks"), { seed = seed }) end
  end)

  it("has no row that names the dead, whoever returns how soon (T-430, T-431, L-15; D1, D2, D4, D5, E15, L1, L2, L18)",
    function()
      for seed = 1, 10 do held(scenario("returns"), { seed = seed }) end
    end)

  it("moves children to a node that comes and goes after a quiet time only, three times at most before (case 52)",
    function()
      for seed = 1, 10 do held(scenario("flapping"), { seed = seed }) end
    end)

  it("never has a child work twice where a quorum decides (S2; T-430, cases 51, 53, 69)", function()
    for seed = 1, 20 do held(scenario("quorum"), { seed = seed }) end
  end)

  it("never has one work twice where it is a quorum of members who join, die and start anew (S2)", function()
    for seed = 1, 12 do held(scenario("quorum_set"), { seed = seed }) end
    for seed = 1, 3 do held(scenario("quorum_chaos"), { seed = seed, minutes = 0.5 }) end
  end)

  it("passes on what was sent to a child that has moved, with its state", function()
    for seed = 1, 10 do held(scenario("passed_on"), { seed = seed }) end
  end)

  it("has nodes that each look alone, and each child runs once, where it belongs (G10, G11)", function()
    for seed = 1, 12 do held(scenario("autonomous"), { seed = seed }) end
  end)

  it("sees a node leave after 30 s though it has children yet, which the others recover", function()
    for seed = 1, 3 do
      held(scenario("drain"), { seed = seed })
    end
  end)

  it("starts a child that crashes again at once, then after growing delays, also on another node", function()
    held(scenario("crashing"), { seed = 1 })
  end)

  it("gives a child that moves its own time to end", function()
    held(scenario("overrun"), { seed = 1 })
  end)

  it("carries out a user's strategies of every kind, and says what it has", function()
    for seed = 1, 3 do held(scenario("strategies"), { seed = seed }) end
  end)

  it("of twenty nodes loses and doubles none of 2,000 children in a thousand joins and leaves #slow", function()
    held(scenario("comings"), { seed = 1, nodes = 20 })
  end)

  it("is another one when something leaks in that the seed does not decide, and that is found", function()
    local report = assert(sim.twice(scenario("leak")))
    assert.is_false(report.ok)
    assert.equal("one seed is one history", report.invariant)
    assert.matches("from second %d on", report.message)
  end)

  it("says the same when idle with children as without, and opens no connection", function()
    for seed = 1, 3 do
      assert.matches("bytes_out=%d+ connections=0$", last_line(held(scenario("idle_traffic"), { seed = seed })))
    end
  end)

  it("has machines with clocks, disks and hooks that a scenario sets", function()
    assert.equal("all is well", last_line(held(scenario("machine"))))
  end)

  it("takes in a node that nobody knew, and ends one of two that have one identity", function()
    for _, seed in ipairs({ 1, 10 }) do
      assert.equal("n1 n3 n4 n5", last_line(held(scenario("newcomers"), { seed = seed })))
    end
  end)

  it("bears a stranger, who in the end knocks at most twice a minute (wire 38)", function()
    held(scenario("stranger"), { seed = 1 })
    held(scenario("stranger"), { seed = 10 })
  end)

  it("loses nothing but links to damaged packets (wire 35)", function()
    for _, seed in ipairs({ 1, 2, 3, 10 }) do
      assert.equal("at rest after damage", last_line(held(scenario("damage"), { seed = seed })))
    end
  end)
end)

describe("a simulated child", function()
  it("has the virtual clock, seeded chance, a fixed order of keys, and no machine", function()
    local report = held(scenario("words"), { seed = 5 })
    local line = last_line(report)
    assert.matches("clock=2026%-01%-01", line)
    assert.matches("slept=5000;", line)
    assert.matches("order=%S+ %S+ %S+ %S+;", line)
    assert.matches("address=true", line)
    assert.matches("open=.*io.open is not there in a simulation", line)
    assert.matches("execute=.*os.execute is not there in a simulation", line)
    assert.matches("popen=.*io.popen is not there in a simulation", line)
    assert.equal(line, last_line(held(scenario("words"), { seed = 5 })))
    assert.not_equal(line:match("random=(%d+)"), last_line(held(scenario("words"), { seed = 6 })):match("random=(%d+)"))
  end)

  it("may be busy without end: virtual time goes on, and others answer", function()
    held(scenario("busy"))
  end)
end)

describe("a strategy", function()
  it("written with pairs gets one placement on two nodes", function()
    local seen = {}
    for seed = 1, 6 do
      seen[last_line(held(scenario("pairs_strategy"), { seed = seed }))] = true
    end
    assert.same({ n1 = true, n2 = true }, seen, "the order is another one for another seed")
  end)

  it("that counts on each node for itself is found", function()
    local report = sim.search("examples/sim/strategy_wrong.lua", 20)
    assert.is_false(report.ok)
    assert.equal("nothing is lost", report.invariant)
    assert.matches("runs nowhere", report.message)
    assert.equal("luahub sim examples/sim/strategy_wrong.lua --seed " .. report.seed, report.command)
  end)

  it("that depends on its arguments only is not", function()
    assert.is_true(sim.search("examples/sim/strategy_right.lua", 10).ok)
  end)
end)

describe("a child with effects outside", function()
  it("that repeats them when it starts again is found", function()
    local report = sim.search("examples/sim/charges_twice.lua", 5)
    assert.is_false(report.ok)
    assert.equal("every order is charged once", report.invariant)
  end)

  it("that is idempotent is not", function()
    assert.is_true(sim.search("examples/sim/charges_once.lua", 5).ok)
  end)
end)

describe("a failure", function()
  it("is cut down to the steps that break it", function()
    local report = run(scenario("fragile"), { seed = 1, nodes = 3 })
    assert.is_false(report.ok)
    local shrunk = sim.shrink(scenario("fragile"), report, { nodes = 3 })
    assert.is_false(shrunk.ok)
    assert.equal(report.invariant, shrunk.invariant)
    assert.equal(1, #shrunk.plan)
    assert.equal(2, #shrunk.nodes)
    local only = { shrunk.plan[1].number }
    local again = run(scenario("fragile"), { seed = 1, nodes = 3, without = shrunk.without, only = only })
    assert.same(shrunk.history, again.history)
    assert.equal(shrunk.command, again.command)
    assert.matches("%-%-nodes 3 %-%-without n%d %-%-only %d+$", shrunk.command)
  end)

  it("of a scenario's own code is told with its place", function()
    local report = run(scenario("raises"))
    assert.is_false(report.ok)
    assert.equal("the scenario runs", report.invariant)
    assert.matches("raises.lua:%d+: oops", report.message)
  end)

  it("with ciphers that are not there is an error", function()
    local report, err = sim.run(scenario("ciphers"))
    assert.is_nil(report)
    assert.equal("invalid_config", err.code)
    assert.matches("ciphers: 'real' or 'imitated' expected, got none", err.message, 1, true)
  end)

  it("of a file that is no scenario is an error", function()
    local report, err = sim.run(scenario("missing"))
    assert.is_nil(report)
    assert.equal("invalid_config", err.code)
  end)
end)
