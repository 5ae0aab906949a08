-- Stop orders: rows that are shown by no read, travel as rows do, and hide or take away the rows they are about.
local registry = require "luahub_test.registry"
local three = require "spec.registry.three"

describe("a stop order", function()
  local c, world

  local function settle() world:settle() end
  local function die(dead) world:die(dead) end

  setup(registry.enter)
  teardown(registry.leave)
  before_each(function()
    world = three.new {
      { id = "a", generation = 9, born = 4, pid = 1, spec = "A", metadata = "\x81\xa3tag\xa1t" },
      { id = "b", generation = 5, born = 5, pid = 2, spec = "B" },
    }
    c = world.c
  end)
  after_each(function() c:close() end)

  it("hides what it is about from every read, on every node, and counts as nothing", function()
    c:order(1, "web", "a", 4)
    settle()
    for i = 1, 3 do
      assert.equal(4, c:ordered(i, "web", "a"))
      assert.same({}, (c:find(i, "web", "a")))
      assert.is_nil(c:pid(i, "web", "a"))
      assert.is_nil(c:scan(i, "web"):match("a"))
      assert.equal("", c:scan_tag(i, "web", "t"))
      assert.equal(1, c:children(i, "web"))
      assert.equal(2, c:count(i, 3))
      assert.equal(0, c:count(i, 1))
    end
    assert.equal(c:digest(1), c:digest(3))
    assert.matches("ordered a 4", c:events(3))
  end)

  it("touches no start that came later, wherever it stands", function()
    c:order(1, "web", "a", 4)
    settle()
    c:put(2, "web", "a", { generation = 10, born = 10, pid = 3 })
    settle()
    for i = 1, 3 do assert.same({ 2 }, (c:find(i, "web", "a"))) end
    c:put(3, "web", "a", { generation = 11, born = 4, pid = 1 })  -- a restart of what was stopped
    settle()
    for i = 1, 3 do assert.same({ 2 }, (c:find(i, "web", "a"))) end
  end)

  it("shows again what it hid when it goes, unless another one stands", function()
    c:order(1, "web", "a", 4)
    c:order(2, "web", "a", 7)
    settle()
    c:remove_order(2, "web", "a")
    settle()
    for i = 1, 3 do assert.same({}, (c:find(i, "web", "a"))) end
    c:remove_order(1, "web", "a")
    settle()
    for i = 1, 3 do
      assert.same({ 3 }, (c:find(i, "web", "a")))
      assert.equal(2, c:children(i, "web"))
      assert.equal(0, c:ordered(i, "web", "a"))
    end
  end)

  it("takes the rows it is about out of the ledger of a dead node, whichever comes first", function()
    c:order(1, "web", "a", 4)
    settle()
    die(3)
    assert.equal(1, c:count(1, 3))
    assert.equal(1, c:count(2, 3))
    c:order(2, "web", "b", 5)
    settle()
    assert.equal(0, c:count(1, 3))
    assert.same({}, c:ledgers(1, true))
  end)

  it("stays in force when its author dies, until a live ledger says as much", function()
    c:order(3, "web", "c", 4)
    settle()
    die(3)
    assert.equal(4, c:ordered(1, "web", "c"))
    c:put(2, "web", "c", { generation = 9, born = 3 })
    settle()
    assert.same({}, (c:find(1, "web", "c")))
    c:order(1, "web", "c", 4)
    settle()
    for i = 1, 2 do
      assert.equal(0, c:orders(i, 3))
      assert.equal(1, c:orders(i, 1))
      assert.equal(4, c:ordered(i, "web", "c"))
    end
  end)

  it("travels in snapshots and is kept in a new epoch", function()
    c:order(3, "web", "a", 4)
    c:put(3, "web", "d", { generation = 12, born = 12 })
    c:cut(1, 3)
    c:drop(1, 3)
    c:link(1, 3)
    settle()
    assert.equal(c:dump(3, 3), c:dump(1, 3))
    assert.same({}, (c:find(1, "web", "a")))
    local run = c:restart(3)
    for i = 1, 2 do
      c:drop(i, 3)
      c:link(i, 3)
    end
    settle()
    assert.equal(1, c:orders(1, run))
    assert.equal(c:dump(3, run), c:dump(1, run))
    assert.same({}, (c:find(1, "web", "a")))
  end)

  it("only grows, and is refused without an id or a generation", function()
    assert.equal(1, c:order(1, "web", "x", 5))
    assert.equal(1, c:order(1, "web", "x", 4))
    assert.equal(2, c:order(1, "web", "x", 6))
    assert.equal(0, c:order(1, "web", "", 6))
    assert.equal(0, c:order(1, "web", "x", 0))
    assert.equal(0, c:remove_order(1, "web", "y"))
    assert.equal(1, c:orders(1, 1))
  end)

  it("gives way to newer ones when there are too many", function()
    for i = 1, 65536 + 3 do c:order(1, "web", "c" .. i, 7) end
    settle()
    assert.equal(3, c:counters(1).orders_dropped)
    for i = 1, 3 do
      assert.equal(65536, c:orders(i, 1))
      assert.equal(0, c:ordered(i, "web", "c3"))
      assert.equal(7, c:ordered(i, "web", "c4"))
    end
    assert.equal(c:dump(1, 1), c:dump(3, 1))
  end)
end)
