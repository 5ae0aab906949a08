-- Histories of faults, drawn from seeds: whatever happens, in the end each child that must run runs once, each that was
-- stopped does not, every copy of the registry says so, and everybody who asked was answered.
local faults = require("spec.hub.faults")
local history = require("spec.hub.history")

local function live_through(seed, kinds, options)
  assert.same({}, faults(seed, kinds, options), "seed " .. seed)
end

local function each_seed(count, kinds, options)
  for seed = 1, count do live_through(seed, kinds, options) end
end

describe("hubs", function()
  it("recover by a custom distribution although the member with the lowest id runs no hub", function()
    for seed = 1, 20 do
      local h = history.new(seed, 0, { custom = "spread" })
      for _ = 1, 3 do h:join(true) end
      for _ = 1, 3 do h:join() end
      h:run(3000)
      h:start(5, 1, 20)
      h:run(3000)
      h.sim:crash(6)
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)

  it("answer everybody who stops a child, however many at once: stopped, or gone before", function()
    for seed = 1, 20 do
      local h = history.new(seed, 3)
      h:start(1, 1, 20)
      h:run(1000)
      local calls = {}
      for _ = 1, 30 do
        for node = 1, 3 do calls[#calls + 1] = h:stop(node, 1, 20) end
      end
      h:run(300)
      for _, caller in ipairs(calls) do
        local answer = h:answer(caller)
        assert.truthy(answer, "seed " .. seed .. ": no answer")
        for _, err in ipairs(answer.result.errors) do assert.equal("not_found", err.code, "seed " .. seed) end
      end
      assert.same({}, h:rest(1000), "seed " .. seed)
    end
  end)

  it("send what is too large for one frame in several", function()
    local h = history.new(1, 2)
    local start = h:start(1, 1, 270, { size = 59000, node = "n2", metadata = ("x"):rep(4000) })
    h:run(2000)
    assert.equal("ok", (h:answer(start) or { result = {} }).result.status)
    assert.same({}, h:rest(1000))
  end)

  it("refuse metadata that no row can hold", function()
    local h = history.new(1, 2)
    local start = h:start(1, 1, 10, { metadata = ("x"):rep(5000) })
    h:run(500)
    assert.equal("invalid_spec", h:answer(start).code)
    assert.same({}, h:rest(1000))
  end)

  it("go on trying a child that the deciding member gave to another, and that fails there", function()
    for seed = 1, 20 do
      local h = history.new(seed, 3, { custom = "spread" })
      h:start(1, 1, 40)
      h:run(2000)
      h.sim:fail_every(2)
      h.sim:crash(1 + seed % 3)
      h:run(3000)
      h.sim:fail_every(0)
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)

  it("refuse more operations than a node carries, starts and stops alike", function()
    for _, kind in ipairs { "start", "stop" } do
      local h = history.new(1, 2)
      h:start(1, 1, 10)
      h:run(1000)
      h.sim:crash(2, 5000)  -- what is asked of it waits
      local calls = {}
      for i = 1, 10100 do
        calls[i] = kind == "start" and h:start(1, i + 10, i + 10) or h:stop(1, 1 + i % 10, 1 + i % 10)
      end
      h:run(100)
      local refused = 0
      for _, caller in ipairs(calls) do
        local answer = h:answer(caller)
        if answer and answer.code == "limit" then refused = refused + 1 end
      end
      assert.is_true(refused > 0, kind .. ": none was refused")
    end
  end)

  it("ask again what a broken link lost, without waiting for the deadline", function()
    for seed = 1, 20 do
      local h = history.new(seed, 2)
      local start = h:start(1, 1, 40)
      h.sim:break_link(1, 2, 200)
      h:run(600)
      assert.equal("ok", (h:answer(start) or { result = {} }).result.status, "seed " .. seed)
      local stop = h:stop(1, 1, 40)
      h.sim:break_link(1, 2, 200)
      h:run(600)
      assert.equal("ok", (h:answer(stop) or { result = {} }).result.status, "seed " .. seed)
      assert.same({}, h:rest(1000), "seed " .. seed)
    end
  end)

  it("fetch the tail of a node that was taken for dead before, and was not (C4)", function()
    for seed = 1, 10 do
      local h = history.new(seed, 3)
      h:start(3, 1, 30)
      h:run(3000)
      h.sim:part(1, 2)
      h:run(15000)
      h.sim:meet(1, 2)
      h:run(5000)
      h.sim:break_link(1, 2, 60000)
      h:start(3, 31, 60)
      h:run(3000)
      h.sim:crash(2)
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)
end)

describe("a move with state that is called off", function()
  -- n4 leaves; n3 cannot agree on that yet, since it has no link to n1, so what n4 sends it waits there. Some of it is
  -- stopped meanwhile; for the others n4 is there still when n3 agrees.
  it("is not prepared any more where it waits for agreement", function()
    for seed = 1, 10 do
      local h = history.new(seed, 4, { hot = true })
      h:start(2, 1, 30, { node = "n4", given = true })
      h:run(3000)
      h.sim:break_link(1, 3, 8000)
      h:run(100)
      h.sim:leave(4)
      h:run(1000)
      h:stop(2, 1, 20)
      h:run(12000)
      assert.equal(0, h.sim:figures().idle, "seed " .. seed)
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)
end)

describe("a node that lacks the last rows of one that left", function()
  -- n3 has no link to n2 when the children of n2 are stopped, and n2 leaves before it has one.
  it("takes nothing of it over before the others said how far they hold it, of which nothing is left (L19)", function()
    for seed = 1, 10 do
      local h = history.new(seed, 3)
      h:start(1, 1, 30, { node = "n2", given = true })
      h:run(3000)
      h.sim:break_link(2, 3, 120000)
      h:run(100)
      h:stop(1, 1, 30)
      h:run(3000)
      h.sim:leave(2)
      h:run(31000)
      h.sim:crash(2)
      assert.same({}, h:rest(), "seed " .. seed)
      assert.same({}, h.sim:truth(), "seed " .. seed)
    end
  end)
end)

describe("a child that crashes as soon as it runs", function()
  it("is tried for ever and ever more slowly, also while its nodes die (case 67)", function()
    for seed = 1, 30 do assert.same({}, require("spec.hub.crashing")(seed), "seed " .. seed) end
  end)
end)

local COMINGS = { "join", "crash", "leave", "start", "stop", "start", "stop", "end_child" }
local BREAKS = { "join", "crash", "start", "stop", "break_link", "break_link", "break_link" }
local STALLS = { "stall", "stall", "start", "join", "crash", "break_link", "end_child" }

describe("what histories of faults once showed", function()
  it("does not come back: lost or doubled, left behind, or away from home", function()
    for _, hot in ipairs { false, true } do
      for _, seed in ipairs { 250, 696, 898, 1100, 1999 } do live_through(seed, BREAKS, { hot = hot }) end
      for _, seed in ipairs { 639, 922, 1782 } do live_through(seed, STALLS, { hot = hot }) end
      for _, seed in ipairs { 318, 817, 855, 1075, 1905 } do
        live_through(seed, COMINGS, { hot = hot, strict = true })
      end
      for _, seed in ipairs { 960, 1249, 2685 } do
        live_through(seed, { "join", "crash", "leave" }, { hot = hot, strict = true })
      end
    end
    for _, seed in ipairs { 1154, 1175, 2722, 3214, 3293 } do
      live_through(seed, { "join", "leave" }, { hot = true, strict = true, state = true })
    end
    live_through(1568, { "join", "crash", "leave", "start", "stop" }, { custom = "broken", deterministic = false })
  end)
end)

describe("hubs come to rest with nothing lost and nothing doubled", function()
  for _, hot in ipairs { false, true } do
    local how = hot and "hot" or "cold"
    it("while nodes join, leave and die, " .. how, function()
      each_seed(60, { "join", "crash", "leave" }, { hot = hot, strict = true })
    end)

    it("while children are started and stopped by all meanwhile, " .. how, function()
      each_seed(100, COMINGS, { hot = hot, strict = true })
    end)

    it("(G7) while links break, " .. how, function()
      each_seed(40, BREAKS, { hot = hot })
      each_seed(40, { "start", "stop", "break_link", "break_link" }, { hot = hot })
    end)

    it("while nodes stall, are taken for dead and return, " .. how, function()
      each_seed(130, STALLS, { hot = hot })
    end)
  end

  for _, policy in ipairs { "spread", "late", "broken" } do
    for _, deterministic in ipairs { true, false } do
      local how = deterministic and "the same everywhere" or "as it likes"
      it(("while a user's distribution places them (%s, %s)"):format(policy, how), function()
        each_seed(40, { "join", "crash", "leave", "start", "stop" }, { custom = policy, deterministic = deterministic })
      end)
    end
  end
end)
