-- A dead run's ledger: kept, fetched, covered row by row; and deaths that are refuted.
local registry = require "luahub_test.registry"

describe("a frozen ledger", function()
  local c

  local function settle()
    repeat
      local moved = false
      for i = 1, 3 do c:flush(i) end
      while c:step() do moved = true end
    until not moved
  end

  local function die(dead)
    for i = 1, 3 do
      if i ~= dead then c:cut(i, dead) end
    end
    for i = 1, 3 do
      if i ~= dead then c:freeze(i, dead) end
    end
  end

  setup(registry.enter)
  teardown(registry.leave)
  before_each(function()
    c = registry.cluster(3, 1)
    for i = 1, 3 do
      for j = i + 1, 3 do c:link(i, j) end
    end
    c:put(3, "web", "a", { generation = 1, pid = 1, spec = "A" })
    c:put(3, "web", "b", { generation = 2, pid = 2, spec = "B" })
    settle()
    c:events(1)
  end)
  after_each(function() c:close() end)

  it("is passed over by reads and kept as a list", function()
    die(3)
    assert.is_true(c:is_frozen(1, 3))
    assert.same({ 3 }, c:ledgers(1, true))
    assert.same({ 1, 2 }, c:ledgers(1, false))
    assert.same({ {}, {} }, { c:find(1, "web", "a") })
    assert.is_nil(c:pid(1, "web", "a"))
    assert.equal("", c:scan(1, "web"))
    assert.equal("", c:events(1))
    assert.equal(c:dump(3, 3), c:dump(1, 3))
    assert.equal(2, c:generation(1, "web"))
  end)

  it("counts in no digest", function()
    c:put(3, "web", "c")
    c:flush(3)
    c:deliver(3, 1)
    assert.are_not.equal(c:digest(1), c:digest(2))
    die(3)
    assert.equal(c:digest(1), c:digest(2))
  end)

  it("loses the rows that a live ledger holds with a higher generation", function()
    die(3)
    c:put(1, "web", "a", { generation = 1 })
    c:put(1, "web", "b", { generation = 3 })
    settle()
    assert.equal(1, c:count(1, 3))
    assert.equal(1, c:count(2, 3))
    c:put(2, "web", "a", { generation = 4 })
    settle()
    assert.same({}, c:ledgers(1, true))
    assert.is_true(c:is_frozen(1, 3))
    assert.equal(4, c:generation(1, "web"))
  end)

  it("loses at once what had been replaced before", function()
    c:put(1, "web", "a", { generation = 3 })
    settle()
    assert.equal(2, c:count(2, 3))
    die(3)
    assert.equal(1, c:count(2, 3))
  end)

  it("loses a row that is covered by hand", function()
    die(3)
    assert.is_true(c:cover(1, 3, "web", "a"))
    assert.is_false(c:cover(1, 3, "web", "a"))
    assert.is_false(c:cover(1, 2, "web", "a"))
    assert.equal(1, c:count(1, 3))
    assert.equal(2, c:count(2, 3))
  end)

  it("gets its tail from a survivor", function()
    c:put(3, "web", "c", { generation = 3 })
    c:remove(3, "web", "a")
    c:flush(3)
    c:deliver(3, 1)
    die(3)
    assert.same({ 4, 2 }, { c:seq(1, 3), c:seq(2, 3) })
    c:fetch(2, 1, 3)
    settle()
    assert.equal(4, c:seq(2, 3))
    assert.equal(c:dump(1, 3), c:dump(2, 3))
    assert.equal(3, c:generation(2, "web"))
    assert.matches("reached 3 4", c:events(2), 1, true)
    assert.same({ {}, {} }, { c:find(2, "web", "c") })
  end)

  it("is fetched by who never had it", function()
    die(3)
    c:drop(2, 3)
    c:freeze(2, 3)
    assert.same({}, c:ledgers(2, true))
    c:fetch(2, 1, 3)
    settle()
    assert.equal(c:dump(1, 3), c:dump(2, 3))
    assert.same({ 3 }, c:ledgers(2, true))
  end)

  it("is sent only once it is frozen at the survivor too", function()
    c:put(3, "web", "c")
    c:flush(3)
    c:deliver(3, 1)
    c:cut(2, 3)
    c:freeze(2, 3)
    c:fetch(2, 1, 3)
    settle()
    assert.equal(2, c:seq(2, 3))
    c:cut(1, 3)
    c:freeze(1, 3)
    settle()
    assert.equal(3, c:seq(2, 3))
  end)

  it("takes nothing from a survivor that holds no more", function()
    die(3)
    local before = c:counters(2).snapshots_in
    c:fetch(2, 1, 3)
    settle()
    assert.equal(before, c:counters(2).snapshots_in)
    assert.equal(2, c:count(2, 3))
  end)

  it("fetches no row that is covered already", function()
    c:put(3, "web", "c", { generation = 3 })
    c:flush(3)
    c:deliver(3, 1)
    die(3)
    c:cut(1, 2)
    c:put(2, "web", "a", { generation = 9 })
    c:link(1, 2)
    c:fetch(2, 1, 3)
    settle()
    assert.equal(2, c:count(2, 3))
    assert.not_matches("web a", c:dump(2, 3))
  end)

  it("refuses its owner until the death is refuted", function()
    c:freeze(1, 3)
    c:put(3, "web", "c")
    c:flush(3)
    assert.equal("denied", c:deliver(3, 1))
    assert.equal(2, c:count(1, 3))
    c:thaw(1, 3)
    settle()
    assert.equal(c:dump(3, 3), c:dump(1, 3))
    assert.equal(3, c:children(1, "web"))
  end)

  it("is whole again after a refuted death, though rows were covered", function()
    die(3)
    c:cover(1, 3, "web", "a")
    c:put(2, "web", "b", { generation = 7 })
    settle()
    c:put(3, "web", "c", { generation = 1 })
    c:flush(3)
    for i = 1, 2 do
      c:thaw(i, 3)
      c:link(i, 3)
    end
    settle()
    for i = 1, 2 do
      assert.equal(c:dump(3, 3), c:dump(i, 3))
      assert.same({ { 2, 3 }, { 7, 2 } }, { c:find(i, "web", "b") })
    end
    assert.equal(c:digest(1), c:digest(3))
    assert.equal(c:digest(1), c:digest(2))
  end)

  it("takes no news before it is whole again", function()
    c:freeze(1, 3)
    c:cover(1, 3, "web", "a")
    c:thaw(1, 3)
    c:put(3, "web", "c")
    c:flush(3)
    assert.equal("ok", c:deliver(3, 1)) -- it fits, but the copy before it lacks a row
    assert.equal(2, c:seq(1, 3))
    settle()
    assert.equal(c:dump(3, 3), c:dump(1, 3))
  end)

  it("that came from a survivor, where rows were covered, is whole after a refuted death", function()
    c:put(3, "web", "c")
    c:flush(3)
    c:deliver(3, 1)
    die(3)
    c:cover(1, 3, "web", "a")
    c:fetch(2, 1, 3)
    settle()
    assert.equal(2, c:count(2, 3))
    c:thaw(2, 3)
    c:link(2, 3)
    settle()
    assert.equal(c:dump(3, 3), c:dump(2, 3))
  end)
end)
