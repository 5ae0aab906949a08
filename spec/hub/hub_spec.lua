-- The hubs room over simulated members, links and actors: nothing lost, nothing twice, every copy of the registry
-- the same.
local hub = require("luahub_test.hub")

local function sorted(list)
  table.sort(list)
  return list
end

local function up_nodes(sim, count)
  local up = {}
  for i = 1, count do
    if sim:up(i) then up[#up + 1] = i end
  end
  return up
end

--- Every child of 1..children runs once; every node's registry says the same, and says what the actors say.
local function check(sim, nodes, children, context)
  local truth = sim:truth()
  local lost, doubled, total = {}, {}, 0
  for i = 1, children do
    local instances = truth["c" .. i]
    if not instances then lost[#lost + 1] = "c" .. i
    elseif #instances > 1 then doubled[#doubled + 1] = "c" .. i .. " on " .. table.concat(instances, ",") end
  end
  for _ in pairs(truth) do total = total + 1 end
  assert.same({}, lost, context .. ": lost")
  assert.same({}, doubled, context .. ": doubled")
  assert.equal(children, total, context .. ": strangers run")
  local up = up_nodes(sim, nodes)
  local first = table.concat(sorted(sim:rows(up[1])), "\n")
  for _, node in ipairs(up) do
    assert.equal(first, table.concat(sorted(sim:rows(node)), "\n"), context .. ": rows of n" .. node)
  end
  assert.equal(children, #sim:rows(up[1]), context .. ": rows")
end

local function cluster(seed, count, hot, custom)
  local sim = hub.new(seed, hot or false, custom or false)
  for _ = 1, count do sim:join() end
  sim:run(3000)
  assert.truthy(sim:settled(), "seed " .. seed .. ": the members do not agree")
  return sim
end

describe("hubs", function()
  it("start children across the nodes and agree on where they run", function()
    for seed = 1, 50 do
      local sim = cluster(seed, 3)
      sim:start(1, 1, 100)
      sim:run(2000)
      check(sim, 3, 100, "seed " .. seed)
      assert.equal(1, sim:figures().replies)
      assert.equal(0, sim:figures().twice)
    end
  end)

  it("start a child once when every node starts it (L20)", function()
    for seed = 1, 50 do
      local sim = cluster(seed, 4)
      for node = 1, 4 do sim:start(node, 1, 30) end
      sim:run(3000)
      check(sim, 4, 30, "seed " .. seed)
      assert.equal(0, sim:figures().twice, "seed " .. seed)
      assert.equal(4, sim:figures().replies, "seed " .. seed)
    end
  end)

  it("stop children wherever they are (E10)", function()
    for seed = 1, 50 do
      local sim = cluster(seed, 3)
      sim:start(1, 1, 60)
      sim:run(2000)
      sim:stop(2, 31, 60)
      sim:run(2000)
      check(sim, 3, 30, "seed " .. seed)
      assert.equal(2, sim:figures().replies, "seed " .. seed)
    end
  end)

  it("recover the children of a dead node, once each", function()
    for seed = 1, 100 do
      local sim = cluster(seed, 3)
      sim:start(1, 1, 60)
      sim:run(2000)
      sim:crash(1 + seed % 3)
      sim:run(5000)
      check(sim, 3, 60, "seed " .. seed)
      assert.equal(0, sim:figures().twice, "seed " .. seed)
    end
  end)

  it("recover the children of a dead node when their heir dies as it begins them (case 66)", function()
    for seed = 1, 100 do
      local sim = cluster(seed, 4)
      sim:start(1, 1, 60)
      sim:run(2000)
      sim:crash(1 + seed % 4, 100)
      sim:run(90 + seed) -- about when the heirs claim
      sim:crash(1 + (seed + 1) % 4, 100)
      sim:run(8000)
      check(sim, 4, 60, "seed " .. seed)
      assert.equal(0, sim:figures().twice, "seed " .. seed)
    end
  end)

  it("recover when two of six die together (L-10)", function()
    for seed = 1, 100 do
      local sim = cluster(seed, 6)
      sim:start(1, 1, 120)
      sim:run(2000)
      sim:crash(1 + seed % 6)
      sim:crash(1 + (seed + 2) % 6)
      sim:run(6000)
      check(sim, 6, 120, "seed " .. seed)
      assert.equal(0, sim:figures().twice, "seed " .. seed)
    end
  end)

  for _, hot in ipairs { false, true } do
    local how = hot and "hot" or "cold"
    it("move children to nodes that join, four at once, " .. how, function()
      for seed = 1, 60 do
        local sim = cluster(seed, 2, hot)
        sim:start(1, 1, 120)
        sim:run(2000)
        sim:set_state()
        for _ = 1, 4 do sim:join() end
        sim:run(8000)
        check(sim, 6, 120, "seed " .. seed)
        assert.equal(0, sim:figures().twice, "seed " .. seed)
        if hot then
          for id, instances in pairs(sim:truth()) do
            assert.equal(tonumber(id:sub(2)), instances.state, "seed " .. seed .. ": state of " .. id)
          end
        end
      end
    end)

    it("hand children on when a node leaves, " .. how, function()
      for seed = 1, 60 do
        local sim = cluster(seed, 3, hot)
        sim:start(1, 1, 90)
        sim:run(2000)
        sim:set_state()
        sim:leave(2)
        sim:run(5000)
        assert.falsy(sim:up(2), "seed " .. seed .. ": it did not leave")
        check(sim, 3, 90, "seed " .. seed)
        assert.equal(0, sim:figures().twice, "seed " .. seed)
        if hot then
          for id, instances in pairs(sim:truth()) do
            assert.equal(tonumber(id:sub(2)), instances.state, "seed " .. seed .. ": state of " .. id)
          end
        end
      end
    end)

    it("lose and double nothing while nodes join, leave and die at any moment, " .. how, function()
      for seed = 1, 150 do
        local sim = cluster(seed, 3, hot)
        local random = seed
        local function draw(n)
          random = (random * 1103515245 + 12345) % 2147483648
          return random // 65536 % n + 1
        end
        sim:start(1, 1, 80)
        sim:run(draw(50))
        local nodes, alive = 3, 3
        for _ = 1, 8 do
          local what = draw(4)
          if what <= 2 and nodes < 12 then
            sim:join()
            nodes, alive = nodes + 1, alive + 1
          elseif alive > 2 then
            local victim = draw(nodes)
            if sim:up(victim) and victim ~= 1 then
              if what == 3 then sim:crash(victim) else sim:leave(victim) end
              alive = alive - 1
            end
          end
          sim:run(draw(1500))
        end
        sim:run(40000)
        check(sim, nodes, 80, "seed " .. seed)
      end
    end)
  end

  it("run a child once that ends while its state is on its way", function()
    for seed = 1, 60 do
      local sim = cluster(seed, 2, true)
      sim:strict(true)
      sim:start(1, 1, 40)
      sim:run(2000)
      sim:join()
      sim:run(250 + seed * 5)
      for i = 1, 40 do sim:end_child("c" .. i, true) end
      sim:run(60000)
      check(sim, 3, 40, "seed " .. seed)
      assert.is_nil(sim:violation(), "seed " .. seed)
    end
  end)

  it("recover what a distribution of the user's placed, which only one member may ask", function()
    for seed = 1, 40 do
      local sim = cluster(seed, 3, false, true)
      sim:start(2, 1, 20)
      sim:run(3000)
      check(sim, 3, 20, "seed " .. seed)
      sim:crash(1)
      sim:run(10000)
      check(sim, 3, 20, "seed " .. seed .. " after the death")
    end
  end)

  it("start a child again that ended abnormally, and not one that was temporary (E11)", function()
    local sim = cluster(7, 3)
    sim:start(1, 1, 10)
    sim:start(1, 11, 11, "temporary")
    sim:start(1, 12, 12, "transient")
    sim:run(2000)
    check(sim, 3, 12, "before")
    sim:end_child("c3", true)
    sim:end_child("c11", true)
    sim:end_child("c12", false)
    sim:run(2000)
    check(sim, 3, 10, "after")
  end)

  it("L-16: go on trying a child that fails, without losing it", function()
    local sim = cluster(3, 3)
    sim:start(1, 1, 20)
    sim:run(2000)
    sim:fail_every(2)
    for i = 1, 20 do sim:end_child("c" .. i, true) end
    sim:run(1000)
    sim:fail_every(0)
    sim:run(60000)
    check(sim, 3, 20, "after")
  end)
end)
