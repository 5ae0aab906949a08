-- Who is found dead, how soon, and who is not. All times are virtual.
local cluster = dofile "spec/member/cluster.lua"

local form, wait, all_see, others = cluster.form, cluster.wait, cluster.all_see, cluster.others

local function sees(sim, observers, subject, state)
  return function() return all_see(sim, observers, subject, state) end
end

describe("a cluster that forms", function()
  for _, nodes in ipairs { 1, 2, 3, 5, 10, 30 } do
    it("knows all " .. nodes .. " members after joins through one seed", function()
      local sim = form(nodes)
      sim:run(60000)
      assert.is_true(sim:agree())
      assert.equal(0, sim:stats().false_verdicts)
      assert.equal(0, cluster.sum(sim, others(nodes), "suspicions"))
    end)
  end

  it("is known to a newcomer in less than a second (T-432, C6)", function()
    local sim = require("luahub_test.member").new { nodes = 11, seed = 5 }
    sim:start(1)
    for node = 2, 10 do sim:start(node, 1) end
    sim:run(5000)
    sim:inject(2, 4, sim:fact("suspect", 3, 0, 4, 4), true)
    sim:run(20000)
    assert.equal(1, select(3, sim:state(1, 3)))
    sim:start(11, 1)
    assert.is_truthy(wait(sim, 1000, function() return sim:agree() end))
  end)

  it("mends a mesh whose links break", function()
    local sim = form(4)
    for a = 1, 4 do
      for b = a + 1, 4 do sim:break_link(a, b) end
    end
    assert.is_truthy(wait(sim, 5000, function()
      return sim:linked(1, 2) and sim:linked(1, 3) and sim:linked(1, 4) and sim:linked(2, 3) and sim:linked(2, 4)
        and sim:linked(3, 4)
    end))
    assert.equal(0, sim:stats().false_verdicts)
  end)
end)

describe("two nodes with one name", function()
  -- n1, n2 and n3 are cut from the network of n4 and n5; n5 was started as the second n1. Then all meet.
  local function heal(seed)
    local sim = require("luahub_test.member").new { nodes = 5, seed = seed }
    for _, side in ipairs { { 1, 2, 3 }, { 4, 5 } } do
      for _, index in ipairs(side) do
        sim:start(index, index ~= side[1] and side[1] or nil, index == 5 and "n1" or nil)
        sim:run(5)
      end
    end
    sim:run(5000)
    sim:join(4, 2)
    return sim
  end

  it("that meet after a split: the lower id keeps it, the other takes one that all know (case 45)", function()
    for seed = 1, 10 do
      local sim = heal(seed)
      assert.is_truthy(wait(sim, 20000, function() return sim:agree() end), "seed " .. seed)
      local keeps = sim:lower(1, 5)
      local other = 6 - keeps
      assert.equal("n1", sim:name(keeps))
      assert.matches("^n1#%x%x%x%x$", sim:name(other))
      for observer = 1, 5 do
        for subject = 1, 5 do assert.equal(sim:name(subject), sim:name_seen(observer, subject)) end
      end
      assert.is_nil(sim:ended(1) or sim:ended(5))
    end
  end)
end)

describe("a node that stands still", function()
  local bounds = { [2] = { 5000, 5000 }, [3] = { 3000, 4500 }, [5] = { 3000, 4500 }, [10] = { 3000, 4500 } }
  for nodes, bound in pairs(bounds) do
    it("is dead to all of " .. nodes .. " within the bound", function()
      local times = cluster.crashes(nodes, "stall", 60)
      assert.is_true(times[#times // 2 + 1] <= bound[1], "median " .. times[#times // 2 + 1])
      assert.is_true(times[math.ceil(#times * 0.99)] <= bound[2], "p99 " .. times[math.ceil(#times * 0.99)])
    end)
  end

  it("accuses nobody when it wakes, and refutes its death (cases 42, 53)", function()
    local sim = form(5)
    sim:stall(2)
    assert.is_truthy(wait(sim, 10000, sees(sim, { 1, 3, 4, 5 }, 2, "dead")))
    sim:run(30000)
    sim:wake(2)
    assert.is_truthy(wait(sim, 10000, function() return sim:agree() end))
    sim:run(20000)
    assert.equal(0, sim:counters(2).suspicions)
    assert.equal(0, sim:counters(2).deaths)
    assert.is_nil(sim:ended(2))
    assert.is_true(select(3, sim:state(1, 2)) > 0)
  end)

  it("accuses nobody even when the answers to its first probes are late", function()
    local sim = form(3)
    sim:stall(2)
    sim:run(1000)
    local function cut(what)
      for _, other in ipairs { 1, 3 } do sim:cut(other, 2, what) end
    end
    cut "all"
    sim:wake(2)
    sim:run(2600)
    cut(nil)
    sim:run(20000)
    assert.equal(0, sim:counters(2).suspicions)
    assert.is_true(sim:agree())
  end)

  it("gives no verdict on a suspicion from before", function()
    local sim = form(3)
    sim:stall(3)
    assert.is_truthy(wait(sim, 5000, function()
      return sim:counters(1).suspicions == 1 and sim:counters(2).suspicions == 1
    end))
    sim:stall(2)
    local function cut(what)
      for _, other in ipairs { 1, 3 } do sim:cut(other, 2, what) end
    end
    cut "all"
    sim:wake(3)
    sim:run(3000)
    sim:wake(2)
    sim:run(2400)
    cut(nil)
    assert.is_truthy(wait(sim, 15000, function() return sim:agree() end))
    assert.equal(0, sim:counters(2).deaths)
  end)

  it("learns when it wakes that it was fenced (cases 42, 53)", function()
    local sim = form(3)
    sim:stall(2)
    assert.is_truthy(wait(sim, 10000, sees(sim, { 1, 3 }, 2, "dead")))
    assert.is_true(sim:fence(1, 2))
    assert.is_true(sim:fence(3, 2))
    sim:wake(2)
    assert.is_truthy(wait(sim, 3000, function() return sim:ended(2) end))
    assert.equal("denied", sim:ended(2))
    assert.equal("dead", (sim:state(1, 2)))
    sim:kill(2)
    sim:start(2, 1)
    assert.is_truthy(wait(sim, 5000, function() return sim:agree() end))
    assert.is_nil(sim:stats().violation)
  end)

  it("costs nobody a verdict when all stand still together (case 54)", function()
    local sim = form(5)
    for node = 1, 5 do sim:stall(node) end
    sim:run(30000)
    for node = 1, 5 do sim:wake(node) end
    sim:run(30000)
    assert.is_true(sim:agree())
    for node = 1, 5 do assert.equal(0, sim:counters(node).deaths) end
  end)
end)

describe("hard evidence", function()
  it("proves a killed node of two dead", function()
    local sim = form(2)
    sim:kill(2)
    assert.is_truthy(wait(sim, 1000, sees(sim, { 1 }, 2, "dead")))
    assert.equal(1, sim:counters(1).hard_deaths)
  end)

  it("proves a killed node of three dead in less than a second", function()
    local sim = form(3)
    sim:kill(2)
    assert.is_truthy(wait(sim, 1000, sees(sim, { 1, 3 }, 2, "dead")))
    assert.is_true(cluster.sum(sim, { 1, 3 }, "hard_deaths") >= 1)
  end)

  it("proves two of six dead that die together", function()
    local sim = form(6)
    sim:kill(2)
    sim:kill(5)
    assert.is_truthy(wait(sim, 1000, sees(sim, { 1, 3, 4, 6 }, 2, "dead")))
    assert.is_truthy(wait(sim, 1000, sees(sim, { 1, 3, 4, 6 }, 5, "dead")))
  end)

  it("needs the word of every live member", function()
    local sim = form(3)
    sim:cut(1, 3, "all")
    sim:cut(3, 1, "all")
    sim:break_link(1, 3)
    sim:evidence(1, 3, true)
    sim:run(100)
    assert.equal("alive", (sim:state(1, 3)))
    sim:run(30000)
    assert.equal(0, sim:counters(1).hard_deaths)
  end)

  it("does not come from a link that breaks alone", function()
    local sim = form(3)
    for _ = 1, 20 do
      sim:break_link(1, 2)
      sim:run(1000)
    end
    assert.equal(0, cluster.sum(sim, { 1, 2, 3 }, "deaths"))
    assert.is_true(sim:agree())
  end)

  it("does not come from a node that stands still while its link breaks", function()
    local sim = form(3)
    sim:stall(2)
    sim:break_link(1, 2)
    sim:break_link(2, 3)
    assert.is_truthy(wait(sim, 10000, sees(sim, { 1, 3 }, 2, "dead")))
    assert.equal(0, cluster.sum(sim, { 1, 3 }, "hard_deaths"))
  end)

  it("leaves a vanished host to the timeout", function()
    local sim = form(3)
    sim:vanish(3)
    assert.is_truthy(wait(sim, 6000, sees(sim, { 1, 2 }, 3, "dead")))
    assert.equal(0, cluster.sum(sim, { 1, 2 }, "hard_deaths"))
  end)
end)

describe("a bad network", function()
  for _, loss in ipairs { 0.05, 0.1 } do
    it(("costs ten nodes no verdict in half an hour at %d %% loss"):format(loss * 100), function()
      local sim = form(10, { seed = 11, twice = 0.02, delay_max = 10 })
      sim:loss(loss)
      sim:run(30 * 60 * 1000)
      assert.equal(0, sim:stats().false_verdicts)
      assert.is_nil(sim:stats().violation)
    end)
  end

  it("that loses datagrams one way kills nobody, and is counted (case 50)", function()
    local sim = form(3)
    sim:cut(1, 2, "datagrams")
    sim:run(60000)
    assert.is_true(sim:agree())
    assert.equal(0, cluster.sum(sim, { 1, 2, 3 }, "deaths"))
    assert.is_true(sim:counters(1).udp_broken > 0)
  end)

  it("that carries no datagrams at all kills nobody", function()
    local sim = form(3)
    for a = 1, 3 do
      for b = 1, 3 do sim:cut(a, b, "datagrams") end
    end
    sim:run(60000)
    assert.is_true(sim:agree())
    assert.equal(0, cluster.sum(sim, { 1, 2, 3 }, "suspicions"))
    assert.equal(0, cluster.sum(sim, { 1, 2, 3 }, "deaths"))
  end)

  it("that hides a refutation kills nobody who is still heard", function()
    local sim = form(3)
    for _, other in ipairs { 2, 3 } do
      sim:cut(1, other, "all")
      sim:cut(other, 1, "all")
    end
    sim:inject(1, 2, sim:fact("suspect", 3, 0, 2, 2), true)
    for _ = 1, 200 do
      sim:run(50)
      sim:heard(1, 3)
    end
    assert.equal("suspect", (sim:state(1, 3)))
    assert.equal(0, sim:dead_at(1, 3))
  end)

  it("that lets a node say something now and then, but hear nobody, does not leave it suspected for ever", function()
    local sim = form(4)
    for other = 1, 3 do sim:cut(other, 4, "all") end
    for _ = 1, 30 do
      sim:run(1500)
      for other = 1, 3 do sim:heard(other, 4) end
    end
    for other = 1, 3 do assert.equal("dead", (sim:state(other, 4))) end
    assert.is_true(all_see(sim, { 1, 2, 3 }, 1, "alive"))
  end)

  it("that cuts one pair kills nobody while others see both (case 51)", function()
    local sim = form(4)
    sim:cut(1, 2, "all")
    sim:cut(2, 1, "all")
    sim:run(60000)
    assert.equal(0, cluster.sum(sim, { 1, 2, 3, 4 }, "deaths"))
  end)

  it("that cuts one pair and loses packets besides kills nobody in an hour", function()
    for seed = 1, 10 do
      local sim = form(4, { seed = seed, twice = 0.02, delay_max = 5 })
      sim:loss(0.06)
      sim:cut(1, 3, "all")
      sim:cut(3, 1, "all")
      sim:run(3600 * 1000)
      assert.equal(0, sim:stats().false_verdicts, "seed " .. seed)
    end
  end)

  it("that splits the cluster lets both halves go on, and find each other again", function()
    local sim = form(6)
    local function split(what)
      for a = 1, 3 do
        for b = 4, 6 do
          sim:cut(a, b, what)
          sim:cut(b, a, what)
        end
      end
    end
    split "all"
    sim:run(60000)
    assert.is_true((all_see(sim, { 1, 2, 3 }, 5, "dead")))
    assert.is_true((all_see(sim, { 4, 5, 6 }, 1, "dead")))
    assert.is_true((all_see(sim, { 1, 2, 3 }, 2, "alive")))
    split(nil)
    assert.is_truthy(wait(sim, 15000, function() return sim:agree() end))
    -- Nobody lost a neighbour of his own half over what the other half said.
    for node = 1, 3 do
      for other = 1, 3 do assert.equal(0, sim:dead_at(node, other)) end
    end
  end)
end)
