-- The ring for scripts: T-230 to T-236, T-350 to T-355; and that it says what a hub with consistent hashing does.
local cluster = require("spec.cluster.helper")
local distribution = require("luahub.distribution")
local ring = require("luahub.services.ring")

local KEYS = cluster.ids("k", 200)
local NAMES = { "n1", "n2", "n3", "n4" }

describe("A ring", function()
  it("T-230, T-236, T-350, T-354: has its nodes, each once, sorted", function()
    assert.are.same({ "a", "b" }, ring.nodes(ring.create_ring({ "b", "a", "b" })))
    assert.are.same({}, ring.nodes(ring.create_ring({})))
    assert.is_nil(ring.key_to_node(ring.create_ring({}), "k"))
    assert.are.equal("a", ring.key_to_node(ring.create_ring({ "a" }), "k"))
  end)

  it("T-232, T-233, T-351, T-353: with a node more, or less, is the one made of those nodes", function()
    local whole = ring.create_ring(NAMES)
    local grown = ring.add_node(ring.create_ring({ "n1", "n2", "n3" }), "n4")
    assert.are.same(whole, grown)
    assert.are.same(ring.create_ring({ "n1", "n2", "n3" }), ring.remove_node(whole, "n4"))
    local none = whole
    for _, name in ipairs(NAMES) do
      none = ring.remove_node(none, name)
    end
    assert.are.same(ring.create_ring({}), none)
    assert.are.same(NAMES, ring.nodes(whole))
    local moved = 0
    for _, key in ipairs(KEYS) do
      local before, after = ring.key_to_node(ring.remove_node(whole, "n4"), key), ring.key_to_node(whole, key)
      assert.is_true(after == before or after == "n4", key)
      if after == "n4" then moved = moved + 1 end
    end
    assert.is_true(moved > 0 and moved < 100, moved .. " keys moved")
  end)

  it("T-234, T-235, T-355: gives a key its first n nodes, the fewer the beginning of the more", function()
    local whole = ring.create_ring(NAMES)
    for _, key in ipairs(KEYS) do
      local all = ring.key_to_nodes(whole, key, 9)
      assert.are.equal(4, #all)
      for n = 1, 4 do
        assert.are.same({ table.unpack(all, 1, n) }, ring.key_to_nodes(whole, key, n))
      end
      assert.are.equal(all[1], ring.key_to_node(whole, key))
      assert.are.equal(all[2], ring.key_to_node(ring.remove_node(whole, all[1]), key))
      local sorted = { table.unpack(all) }
      table.sort(sorted)
      assert.are.same(NAMES, sorted)
    end
  end)

  it("T-352: gives a node of weight 0 nothing, and all that it had when it has one again", function()
    local whole = ring.create_ring(NAMES)
    local without = ring.add_node(whole, "n2", 0)
    for _, key in ipairs(KEYS) do
      assert.are_not.equal("n2", ring.key_to_node(without, key))
    end
    assert.are.same(whole, ring.add_node(without, "n2", 1))
  end)

  it("says what consistent hashing does", function()
    local strategy = distribution.consistent_hashing({ weights = { n3 = 2 } })
    local whole = ring.create_ring(NAMES, { weights = { n3 = 2 } })
    for i, place in ipairs(strategy.place(KEYS, { nodes = NAMES })) do
      assert.are.equal(NAMES[place], ring.key_to_node(whole, KEYS[i]))
    end
  end)

  for _, case in ipairs({
    { 'ring.create_ring: nodes: expected a table, got "n1"', function() ring.create_ring("n1") end },
    { "ring.create_ring: nodes[1]: expected a string that is not empty, got 7",
      function() ring.create_ring({ 7 }) end },
    { "unknown option 'weight' (did you mean 'weights'?)", function() ring.create_ring({ "a" }, { weight = 1 }) end },
    { "weight: expected a number from 0 to 100, got -1",
      function() ring.create_ring({ "a" }, { weights = { a = -1 } }) end },
    { "ring.create_ring: weights: no node b in this ring",
      function() ring.create_ring({ "a" }, { weights = { b = 1 } }) end },
    { "ring.add_node: ring: expected a ring, got table", function() ring.add_node({}, "a") end },
    { "ring.add_node: weight: expected a number from 0 to 100",
      function() ring.add_node(ring.create_ring({}), "a", "x") end },
    { "ring.remove_node: node: expected a string", function() ring.remove_node(ring.create_ring({}), 7) end },
    { "ring.nodes: ring: expected a ring, got nil", function() ring.nodes(nil) end },
    { "ring.key_to_node: key: expected a string that is not empty",
      function() ring.key_to_node(ring.create_ring({}), "") end },
    { "count: expected an integer from 1 on, got 0", function() ring.key_to_nodes(ring.create_ring({}), "k", 0) end },
  }) do
    it("is refused in one line: " .. case[1], function()
      local ok, problem = pcall(case[2])
      assert.is_false(ok)
      assert.is_truthy(problem:find("ring_spec.lua:%d+: "), problem)
      assert.is_truthy(problem:find(case[1], 1, true), problem)
    end)
  end
end)

describe("The ring of a hub", function()
  it("T-231: says on every node where its children are", function()
    cluster.with({ hub = "distribution = luahub.distribution.consistent_hashing {}" }, function(world)
      local ids = cluster.ids("c", 40)
      local nodes = world:hub_of(3, ids)
      local places = world:settled(nodes, ids)
      for _, node in ipairs(nodes) do
        assert.are.same(places, node:eval([[
          local ring, out = luahub.ring.get_ring(hub), {}
          for i = 1, 40 do out["c" .. i] = luahub.ring.key_to_node(ring, "c" .. i) end
          return out]]))
      end
      assert.are.equal(0, nodes[1]:eval([[return #luahub.ring.nodes(luahub.ring.get_ring("nobody_runs_it"))]]))
    end)
  end)
end)
