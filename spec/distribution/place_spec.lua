-- The built-in distributions alone: what place() answers for ids and a view. The node computes the same.

local distribution = require("luahub.distribution")

local IDS = {}
for i = 1, 6000 do
  IDS[i] = "child-" .. i
end

local function view(count, more)
  local nodes = {}
  for i = 1, count do
    nodes[i] = ("n%02d"):format(i)
  end
  local out = { nodes = nodes }
  for name, value in pairs(more or {}) do
    out[name] = value
  end
  return out
end

-- How many children each node gets; those of nobody under false.
local function shares(strategy, seen, ids)
  local counts = { [false] = 0 }
  for _, name in ipairs(seen.nodes) do
    counts[name] = 0
  end
  for _, place in ipairs(strategy.place(ids or IDS, seen)) do
    local name = place and seen.nodes[place]
    counts[name] = counts[name] + 1
  end
  return counts
end

local function assert_near(expected, got)
  local why = ("%s is not near %s"):format(got, expected)
  assert.is_true(got > expected * 0.9 and got < expected * 1.1, why)
end

local HASHED = {
  { "rendezvous", distribution.rendezvous },
  { "consistent_hashing", distribution.consistent_hashing },
}

for _, case in ipairs(HASHED) do
  local name, make = case[1], case[2]

  describe("distribution." .. name, function()
    it("gives nodes children in proportion to their weights", function()
      local counts = shares(make({ weights = { n01 = 2, n02 = 0.5 } }), view(3))
      for node, share in pairs({ n01 = 2, n02 = 0.5, n03 = 1 }) do
        -- A ring is less even than rendezvous.
        local slack = name == "rendezvous" and 0.9 or 0.75
        local expected = #IDS * share / 3.5
        assert.is_true(counts[node] > expected * slack and counts[node] < expected / slack, node)
      end
    end)

    it("goes by the weights that nodes say themselves, unless the strategy says otherwise", function()
      local told = shares(make(), view(3, { weights = { n01 = 3 } }))
      assert.are.same(shares(make({ weights = { n01 = 3 } }), view(3)), told)
      local said = shares(make({ weights = { n01 = 1 } }), view(3, { weights = { n01 = 3 } }))
      assert.are.same(shares(make(), view(3)), said)
    end)

    it("places as without weights when all are equal", function()
      local weights = { n01 = 2.5, n02 = 2.5, n03 = 2.5 }
      assert.are.same(make().place(IDS, view(3)), make({ weights = weights }).place(IDS, view(3)))
    end)

    it("gives a node of weight 0 nothing, unless all have 0", function()
      local counts = shares(make({ weights = { n02 = 0 } }), view(3))
      assert.are.equal(0, counts.n02)
      assert.are.equal(#IDS, counts.n01 + counts.n03)
      local none = make({ weights = { n01 = 0, n02 = 0, n03 = 0 } })
      assert.are.same(make().place(IDS, view(3)), none.place(IDS, view(3)))
    end)

    it("moves children to a node that joins or grows, and none between the others", function()
      local weights = { n01 = 0.5, n02 = 3, n04 = 2 }
      local before = make({ weights = weights }).place(IDS, view(3))
      local joined = make({ weights = weights }).place(IDS, view(4))
      weights.n01 = 2
      local grown = make({ weights = weights }).place(IDS, view(3))
      local moved = 0
      for i = 1, #IDS do
        if joined[i] ~= before[i] then
          moved = moved + 1
          assert.are.equal(4, joined[i])
        end
        if grown[i] ~= before[i] then assert.are.equal(1, grown[i]) end
      end
      assert.is_true(moved > 0)
    end)

    it("answers the same whatever the order of the ids", function()
      local weights = { n01 = 0.5, n02 = 3 }
      local places, reversed = make({ weights = weights }).place(IDS, view(5)), {}
      for i = #IDS, 1, -1 do
        reversed[#reversed + 1] = IDS[i]
      end
      local again = make({ weights = weights }).place(reversed, view(5))
      for i = 1, #IDS do
        assert.are.equal(places[i], again[#IDS + 1 - i])
      end
    end)
  end)
end

describe("distribution.rendezvous", function()
  it("answers the same in every version and on every machine, and so does a ring", function()
    local ids = { "a", "b", "c", "d", "e", "f", "g", "h" }
    local weights = { n01 = 1.5, n03 = 3 }
    assert.are.same({ 3, 2, 2, 1, 1, 3, 3, 1 }, distribution.rendezvous().place(ids, view(3)))
    assert.are.same({ 3, 2, 3, 3, 1, 3, 3, 1 }, distribution.rendezvous({ weights = weights }).place(ids, view(3)))
    assert.are.same({ 3, 1, 3, 3, 3, 3, 3, 3 }, distribution.consistent_hashing().place(ids, view(3)))
  end)

  it("with `bounded` lets no node take more than so many times its share, rounded up", function()
    for _, bounded in ipairs({ 1, 1.05, 1.25 }) do
      for _, count in ipairs({ 3, 7, 50 }) do
        local counts = shares(distribution.rendezvous({ bounded = bounded }), view(count))
        local most = math.ceil(#IDS * bounded / count)
        for _, name in ipairs(view(count).nodes) do
          assert.is_true(counts[name] <= most, ("%s has %d of at most %d"):format(name, counts[name], most))
        end
      end
    end
  end)

  it("with `bounded` goes by weights, and places as without it where no node is full", function()
    local counts = shares(distribution.rendezvous({ bounded = 1, weights = { n01 = 2, n02 = 0.5 } }), view(3))
    assert.is_true(counts.n01 <= math.ceil(#IDS * 2 / 3.5) and counts.n02 <= math.ceil(#IDS * 0.5 / 3.5))
    local loose = distribution.rendezvous({ bounded = 100 })
    assert.are.same(distribution.rendezvous().place(IDS, view(5)), loose.place(IDS, view(5)))
    assert.is_false(loose.deterministic)
  end)
end)

describe("distribution.load_balancer", function()
  it("gives each child to the less loaded of two", function()
    local counts = shares(distribution.load_balancer(), view(10))
    for _, name in ipairs(view(10).nodes) do
      assert.is_true(math.abs(counts[name] - #IDS / 10) <= 10, name .. " has " .. counts[name])
    end
  end)

  it("goes by weights", function()
    local counts = shares(distribution.load_balancer({ weights = { n01 = 2, n02 = 0.5 } }), view(3))
    assert_near(#IDS * 2 / 3.5, counts.n01)
    assert_near(#IDS * 0.5 / 3.5, counts.n02)
  end)
end)

describe("a placement", function()
  local LABELS = {
    n01 = { zone = "a" },
    n02 = { zone = "a", disk = "ssd" },
    n03 = { zone = "b", disk = "hdd" },
    n04 = { zone = "c", disk = "ssd", gpu = "yes" },
  }

  local function placed(placement, make)
    return shares((make or distribution.rendezvous)({ placement = placement }), view(4, { labels = LABELS }))
  end

  local function only(counts, ...)
    local sum = 0
    for _, name in ipairs({ ... }) do
      assert.is_true(counts[name] > 0, name .. " has none")
      sum = sum + counts[name]
    end
    assert.are.equal(#IDS, sum)
  end

  for _, make in ipairs({ distribution.rendezvous, distribution.consistent_hashing, distribution.load_balancer }) do
    it("requires labels: a value, one of a list, or any", function()
      only(placed({ require = { zone = "a" } }, make), "n01", "n02")
      only(placed({ require = { zone = { "b", "c" } } }, make), "n03", "n04")
      only(placed({ require = { disk = true } }, make), "n02", "n03", "n04")
      only(placed({ require = { disk = "ssd", zone = "c" } }, make), "n04")
    end)

    it("that no node meets places nowhere", function()
      assert.are.equal(#IDS, placed({ require = { zone = "d" } }, make)[false])
      assert.are.equal(#IDS, placed({ require = { disk = "ssd", zone = "b" } }, make)[false])
    end)

    it("prefers nodes with most of the labels, and takes others where there is none", function()
      only(placed({ prefer = { disk = "ssd", gpu = true } }, make), "n04")
      only(placed({ prefer = { disk = "ssd", zone = "b" } }, make), "n02", "n03", "n04")
      only(placed({ prefer = { zone = "d" } }, make), "n01", "n02", "n03", "n04")
      only(placed({ require = { zone = "a" }, prefer = { gpu = true } }, make), "n01", "n02")
    end)

    it("takes the first node of those named that is there, or any", function()
      only(placed({ node = { "n09", "n03", "n01" } }, make), "n03")
      only(placed({ node = "n09" }, make), "n01", "n02", "n03", "n04")
      only(placed({ node = "n03", require = { zone = "a" } }, make), "n01", "n02")
    end)

    it("that is pinned waits for one of its nodes", function()
      only(placed({ node = { "n09", "n03" }, pinned = true }, make), "n03")
      assert.are.equal(#IDS, placed({ node = "n09", pinned = true }, make)[false])
    end)
  end

  it("spreads evenly over the values of a label", function()
    local counts = placed({ spread = "zone" })
    assert_near(#IDS / 3, counts.n01 + counts.n02)
    assert_near(#IDS / 3, counts.n03)
    assert_near(#IDS / 3, counts.n04)
    assert_near(counts.n01, counts.n02)
  end)

  it("that spreads moves only what a new value wins", function()
    local strategy = distribution.rendezvous({ placement = { spread = "zone" } })
    local before = strategy.place(IDS, view(3, { labels = LABELS }))
    for i, place in ipairs(strategy.place(IDS, view(4, { labels = LABELS }))) do
      if place ~= before[i] then assert.are.equal(4, place) end
    end
  end)
end)

describe("misuse of a distribution raises in one line:", function()
  for _, case in ipairs({
    { { bounded = 0.5 }, "bounded: expected a number from 1 to 1000, got 0.5" },
    { { bounded = "much" }, 'bounded: expected a number, got "much"' },
    { { weights = { n1 = -1 } }, "weights.n1: expected a number from 0 to 100, got -1" },
    { { weights = { n1 = "heavy" } }, "weights.n1: expected a number from 0 to 100, got heavy" },
    { { weights = { 2, 3 } }, "weights: expected { node = weight }, got the key 1" },
    { { weights = 2 }, "weights: expected a table, got 2" },
    { { bound = 2 }, "unknown option 'bound' (did you mean 'bounded'?)" },
    { { placement = { requires = {} } }, "placement: unknown field 'requires' (did you mean 'require'?)" },
    { { placement = { require = { "ssd" } } }, 'placement.require: expected { label = "value" }, got a list' },
    { { placement = { prefer = { disk = 7 } } },
      "placement.prefer.disk: expected a value, a list of values or true, got number" },
    { { placement = { node = {} } }, "placement.node: expected the name of a node or a list of names, got table" },
    { { placement = { pinned = true } }, "placement.pinned: needs a node" },
    { { placement = { spread = true } }, "placement.spread: expected the name of a label, got boolean" },
  }) do
    it(case[2], function()
      local ok, problem = pcall(function()
        return (distribution.rendezvous(case[1]))
      end)
      assert.is_false(ok)
      assert.is_truthy(problem:find("place_spec.lua:%d+: distribution.rendezvous: "), problem)
      assert.is_truthy(problem:find(case[2], 1, true), problem)
    end)
  end
end)
