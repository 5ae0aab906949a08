-- A child that a healed split shows twice, in a hub with an on_conflict hook: the hook is asked once for the two, on
-- the node whose instance would stay, and whatever it answers one instance is left.
local history = require("spec.hub.history")
local splits = require("spec.hub.splits")

--- Two and two nodes that each ran forty children, and the highest generation of each child before they meet.
local function divided(seed, options)
  local h = history.new(seed, 4, options)
  h:start(1, 1, 40)
  h:run(2000)
  h:split(1000, { 3, 4 })
  h:run(10000)
  return h
end

--- Where each child runs: { [id] = node }, once everything rests.
local function rested(h, seed)
  assert.same({}, h:rest(), "seed " .. seed)
  local where = {}
  for id, nodes in pairs(h.sim:truth()) do where[id] = nodes[1] end
  return where
end

local function asked(h)
  return h.sim:figures().conflicts
end

local function counted(h, name)
  local count = 0
  for _, node in ipairs(h:up()) do count = count + h.sim:counters(node)[name] end
  return count
end

describe("a child that runs twice when a split heals", function()
  for _, hot in ipairs { false, true } do
    for _, how in ipairs { "first", "second", "sum", "any" } do
      it(("ends as one instance, the hook says %s, %s"):format(how, hot and "hot" or "cold"), function()
        for seed = 1, 40 do
          local wrong = splits(seed, 2 + seed % 5,
            { hot = hot, on_conflict = how, times = 2, after = 3, rest = 150000 })
          assert.same({}, wrong, "seed " .. seed)
        end
      end)
    end
  end

  it("is asked about on one side only, again only where a link broke meanwhile (case 63)", function()
    for seed = 1, 20 do
      local h = divided(seed, { on_conflict = "first", hot = true })
      local doubled = 0
      for _, nodes in pairs(h.sim:truth()) do
        if #nodes == 2 then doubled = doubled + 1 end
      end
      h:heal(500)
      rested(h, seed)
      assert.equal(40, doubled, "seed " .. seed)
      assert.is_true(asked(h) > 0.5 * doubled and asked(h) < 1.5 * doubled,
        ("seed %d: %d times"):format(seed, asked(h)))
      assert.is_true(counted(h, "conflicts") <= asked(h), "seed " .. seed)
    end
  end)

  it("goes on with the merged state, and with the state of the side that is kept", function()
    local right = 0
    for seed = 1, 20 do
      for how, times in pairs { first = 1, second = 1, sum = 2 } do
        local h = divided(seed, { on_conflict = how, hot = true })
        h.sim:set_state() -- of ci: i, on both sides
        h:heal(500)
        rested(h, seed)
        for id, nodes in pairs(h.sim:truth()) do
          local own = tonumber(id:match "%d+")
          -- 0: both its nodes were taken for dead, and it was recovered. More: a link broke before the other side heard
          -- of the merge, and it was merged again.
          assert.equal(0, nodes.state % own, ("seed %d, %s: %s"):format(seed, how, id))
          right = right + (nodes.state == times * own and 1 or 0)
        end
      end
    end
    assert.is_true(right > 0.9 * 20 * 3 * 40, right .. " kept a state")
  end)

  it("decides by default what is too much", function()
    local h = history.new(1, 2, { on_conflict = "first" })
    h:start(1, 1, 9000)
    h:run(5000)
    h:split(500, { 2 })
    h:run(10000)
    h:heal(500)
    rested(h, 1)
    assert.is_true(counted(h, "conflicts_by_default") > 0)
    assert.is_true(counted(h, "conflicts") >= 4096)
  end)

  it("is decided by default where a node dies meanwhile", function()
    for seed = 1, 40 do
      local h = divided(seed, { on_conflict = "sum", hot = true })
      h:heal(500)
      h:run(1500 + seed * 20)
      h.sim:crash(seed % 4 + 1, 500)
      rested(h, seed)
    end
  end)
end)
