-- Ledgers: one writer each, copies that agree, what is refused.
local registry = require "luahub_test.registry"

local DELTA = 0x20

local cluster

local function settle()
  repeat
    local moved = false
    for i = 1, cluster.size do cluster.c:flush(i) end
    while cluster.c:step() do moved = true end
  until not moved
end

local function open(size, seed)
  cluster = { c = registry.cluster(size, seed or 1), size = size }
  return cluster.c
end

local function link_all(c)
  for i = 1, cluster.size do
    for j = i + 1, cluster.size do c:link(i, j) end
  end
  settle()
end

local function agree(c)
  for i = 1, cluster.size do
    for j = 1, cluster.size do
      assert.equal(c:dump(j, j), c:dump(i, j), ("process %d has another copy of %d"):format(i, j))
      assert.equal(c:seq(j, j), c:seq(i, j))
    end
    assert.equal(c:digest(1), c:digest(i))
  end
end

describe("a ledger", function()
  setup(registry.enter)
  teardown(registry.leave)
  after_each(function()
    cluster.c:close()
    cluster = nil
  end)

  it("numbers every change (E1)", function()
    local c = open(1)
    assert.equal(1, c:put(1, "web", "a"))
    assert.equal(2, c:put(1, "web", "b"))
    assert.equal(3, c:put(1, "web", "a", { generation = 2 }))
    assert.equal(4, c:remove(1, "web", "b"))
    assert.equal(0, c:remove(1, "web", "b"))
    assert.equal(4, c:seq(1, 1))
    assert.equal(1, c:count(1, 1))
  end)

  it("tells its owner what changed, and the end of a flush", function()
    local c = open(1)
    c:put(1, "web", "a")
    c:put(1, "web", "a")
    c:remove(1, "web", "a")
    assert.equal("came 1 a\nchanged 1 a\nwent 1 a\n", c:events(1))
    c:flush(1)
    c:flush(1)
    assert.equal("reached 1 3\n", c:events(1))
  end)

  it("L-29: reaches every peer with all fields, one row of a node for each child", function()
    local c = open(3)
    link_all(c)
    local row = { spec = "S\0S", metadata = "\x80", generation = 7, pid = 99, state = 3, restarts = 4, pinned = 1 }
    c:put(1, "web", "a", row)
    c:put(2, "jobs", "a")
    settle()
    agree(c)
    assert.equal("web a seq=1 generation=7 pid=99 state=3 restarts=4 pinned=1 \x80|S\0S\n", c:dump(3, 1))
    assert.matches("came 1 a\nreached 1 1\n", c:events(3), 1, true)
  end)

  it("travels as one frame for many changes", function()
    local c = open(2)
    link_all(c)
    for i = 1, 1000 do c:put(1, "web", "c" .. i) end
    c:flush(1)
    assert.equal(1, c:pending(1, 2))
    settle()
    agree(c)
  end)

  it("is cut into frames by count and by size", function()
    local c = open(2)
    link_all(c)
    for i = 1, 5000 do c:put(1, "web", "c" .. i) end
    c:flush(1)
    assert.equal(2, c:pending(1, 2))
    settle()
    local spec = ("x"):rep(64 * 1024)
    for i = 1, 40 do c:put(1, "web", "big" .. i, { spec = spec }) end
    c:flush(1)
    assert.equal(3, c:pending(1, 2))
    settle()
    agree(c)
    assert.equal(0, c:counters(2).malformed)
  end)

  it("comes to a late joiner as a snapshot, then as deltas (D3)", function()
    local c = open(2)
    for i = 1, 5000 do c:put(1, "web", "c" .. i) end
    for i = 1, 4000 do c:remove(1, "web", "c" .. i) end
    c:flush(1)
    link_all(c)
    agree(c)
    assert.equal(1, c:counters(2).snapshots_in)
    c:put(1, "web", "c1")
    settle()
    agree(c)
    assert.equal(1, c:counters(2).snapshots_in)
    assert.equal(1, c:counters(2).deltas_in)
  end)

  it("sends only the range that a returning link misses (case 62)", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "a")
    settle()
    c:cut(1, 2)
    c:put(1, "web", "b")
    c:flush(1)
    c:put(1, "web", "c")
    c:flush(1)
    link_all(c)
    agree(c)
    assert.equal(0, c:counters(2).snapshots_in)
    assert.equal(3, c:counters(2).deltas_in)
  end)

  it("sends nothing to a returning link that misses nothing", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "a")
    settle()
    c:cut(1, 2)
    c:link(1, 2)
    c:deliver(2, 1)
    c:flush(1)
    assert.equal(1, c:pending(1, 2)) -- its question
    assert.is_true(c:in_step(1, 2))
  end)

  it("sends a snapshot to who was away for longer than the log reaches", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "a")
    settle()
    c:cut(1, 2)
    for _ = 1, 40 do
      c:put(1, "web", "a", { spec = ("x"):rep(30000) })
      c:flush(1)
    end
    link_all(c)
    agree(c)
    assert.equal(1, c:counters(2).snapshots_in)
  end)

  it("goes on with frames where the oldest one kept begins", function()
    local c = open(2)
    local function write()
      c:put(1, "web", "a", { spec = ("x"):rep(30000) })
      c:flush(1)
    end
    link_all(c)
    write()
    write()
    settle()
    local snapshots = c:counters(2).snapshots_in
    c:cut(1, 2)
    for _ = 1, 8 do write() end -- 256 KiB are kept: the frames behind the second
    link_all(c)
    agree(c)
    assert.equal(snapshots, c:counters(2).snapshots_in)
  end)

  it("is not sent to a returning link before that said what it holds", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "a")
    settle()
    c:cut(1, 2)
    c:link(1, 2)
    c:put(1, "web", "b")
    c:flush(1)
    assert.equal(1, c:pending(1, 2)) -- its question
    settle()
    agree(c)
    assert.equal(0, c:counters(2).duplicates)
  end)

  it("keeps a peer out of the deltas until its snapshot is queued", function()
    local c = open(2)
    c:put(1, "web", "a")
    c:flush(1)
    c:link(1, 2)
    c:put(1, "web", "b")
    c:flush(1)
    assert.equal(1, c:pending(1, 2)) -- its question, no delta
    assert.is_false(c:in_step(1, 2))
    settle()
    agree(c)
    assert.equal(0, c:counters(2).gaps)
  end)

  it("asks for what is missing after a gap, once (case 57)", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "c0")
    settle()
    local snapshots = c:counters(2).snapshots_in
    for i = 1, 3 do
      c:put(1, "web", "c" .. i)
      c:flush(1)
    end
    c:lose(1, 2)
    assert.equal("ok", c:deliver(1, 2))
    assert.equal("ok", c:deliver(1, 2))
    assert.equal(2, c:counters(2).gaps)
    assert.equal(1, c:pending(2, 1))
    assert.equal(1, c:count(2, 1))
    settle()
    agree(c)
    assert.equal(snapshots, c:counters(2).snapshots_in)
  end)

  it("L-19: drops what it has already (case 60)", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "a")
    c:flush(1)
    local type, body = c:lose(1, 2)
    assert.equal(DELTA, type)
    assert.equal("ok", c:inject(2, 1, DELTA, body))
    assert.equal("ok", c:inject(2, 1, DELTA, body))
    assert.equal(1, c:counters(2).duplicates)
    agree(c)
  end)

  it("asks for a snapshot when a digest is wrong (case 59)", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "a")
    settle()
    c:put(1, "web", "b")
    c:flush(1)
    local _, body = c:lose(1, 2)
    assert.equal("ok", c:inject(2, 1, DELTA, ("\0"):rep(16) .. body:sub(17)))
    assert.equal(1, c:counters(2).digest_mismatch)
    assert.equal(1, c:count(2, 1))
    settle()
    agree(c)
    assert.equal(1, c:counters(2).snapshots_in)
  end)

  it("tells of a snapshot only what it changes", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "same")
    c:put(1, "web", "gone")
    settle()
    c:cut(1, 2)
    c:remove(1, "web", "gone")
    for _ = 1, 40 do
      c:put(1, "web", "new", { spec = ("x"):rep(30000) })
      c:flush(1)
    end
    c:events(2)
    link_all(c)
    assert.equal("came 1 new\nwent 1 gone\nreached 1 43\n", c:events(2))
  end)

  it("gives up a snapshot whose link breaks, and starts over (case 61)", function()
    local c = open(2)
    for i = 1, 9000 do c:put(1, "web", "c" .. i) end
    c:link(1, 2)
    c:deliver(2, 1)
    c:flush(1)
    assert.equal(4, c:pending(1, 2))
    c:deliver(1, 2)
    c:deliver(1, 2)
    c:deliver(1, 2)
    assert.equal(0, c:count(2, 1))
    c:cut(1, 2)
    link_all(c)
    assert.equal(9000, c:count(2, 1))
    agree(c)
  end)

  it("follows its owner into a new epoch", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "a", { pid = 5, generation = 3 })
    c:put(1, "web", "b")
    c:put(1, "web", "a", { pid = 6, generation = 4 })
    settle()
    local run = c:restart(1)
    assert.equal(2, c:seq(1, run))
    assert.equal(0, c:count(1, 1))
    local holder, pid = c:pid(1, "web", "a")
    assert.same({ run, 6 }, { holder, pid })
    assert.equal(2, c:children(1, "web"))
    c:freeze(2, 1)
    c:link(1, 2)
    settle()
    assert.equal(c:dump(1, run), c:dump(2, run))
    assert.equal(2, c:count(2, run))
    assert.same({ { run }, { 4 } }, { c:find(2, "web", "a") })
    c:put(1, "web", "c")
    settle()
    assert.equal(c:dump(1, run), c:dump(2, run))
  end)

  it("can be mended by comparing digests", function()
    local c = open(3)
    link_all(c)
    c:put(1, "web", "a")
    c:put(3, "web", "b")
    c:flush(1)
    c:flush(3)
    c:lose(1, 2) -- nothing follows, so no gap shows
    while c:step() do end
    assert.equal(0, c:count(2, 1))
    assert.are_not.equal(c:digest(2), c:digest(3))
    c:compare(2, 3) -- a third one knows better; the owner is asked
    settle()
    agree(c)
    c:compare(2, 3)
    assert.equal(0, c:pending(2, 3))
  end)

  it("T-004, T-006: is mended by one comparison when a thousand children came, or went, and nobody was told", function()
    local c = open(3)
    link_all(c)
    local function change_unheard(change)
      for i = 1, 1000 do
        change("c" .. i)
      end
      c:flush(1)
      c:lose(1, 2)
      c:lose(1, 3)
      while c:step() do end
    end
    local function compared()
      for node = 2, 3 do
        c:compare(1, node)
        c:compare(node, 1)
      end
      settle()
      agree(c)
    end
    change_unheard(function(id) c:put(1, "web", id, { spec = "spec of " .. id }) end)
    assert.same({ 1000, 0, 0 }, { c:count(1, 1), c:count(2, 1), c:count(3, 1) })
    compared()
    assert.same({ 1000, 1000 }, { c:count(2, 1), c:count(3, 1) })
    change_unheard(function(id) c:remove(1, "web", id) end)
    assert.same({ 0, 1000, 1000 }, { c:count(1, 1), c:count(2, 1), c:count(3, 1) })
    compared()
    assert.same({ 0, 0 }, { c:count(2, 1), c:count(3, 1) })
  end)

  it("is forgotten when it is dropped", function()
    local c = open(2)
    link_all(c)
    c:put(1, "web", "a")
    settle()
    c:events(2)
    c:drop(2, 1)
    assert.equal("went 1 a\n", c:events(2))
    assert.equal(0, c:seq(2, 1))
    assert.same({ 2 }, c:ledgers(2, false))
    c:drop(2, 2)
    assert.same({ 2 }, c:ledgers(2, false))
  end)
end)
