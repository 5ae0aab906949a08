-- Frames and rows of the registry: what is refused, and that it has no effect.
local registry = require "luahub_test.registry"

local DELTA, SNAPSHOT, NEED, DIGEST = 0x20, 0x21, 0x22, 0x23

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

describe("a frame", function()
  setup(registry.enter)
  teardown(registry.leave)
  after_each(function() cluster.c:close() end)

  local function captured(c)
    link_all(c)
    c:put(1, "web", "a")
    c:flush(1)
    local _, body = c:lose(1, 2)
    return body
  end

  it("L-19: changes nobody's ledger but its sender's (case 58, E6, E9)", function()
    local c = open(3)
    local body = captured(c)
    assert.equal("denied", c:inject(3, 2, DELTA, body))
    assert.equal("denied", c:inject(1, 2, DELTA, body))
    assert.equal("denied", c:inject(1, 1, DELTA, body))
    assert.equal(2, c:counters(1).refused)
    assert.equal(1, c:counters(3).refused)
    assert.equal(0, c:count(3, 1))
    assert.equal(1, c:count(1, 1))
  end)

  it("L-19: of a snapshot neither, unless it was asked for (E7)", function()
    local c = open(3)
    link_all(c)
    c:put(1, "web", "a")
    settle()
    c:cut(1, 3)
    c:link(1, 3)
    c:cut(1, 2)
    c:drop(2, 1)
    c:link(1, 2)
    c:deliver(2, 1)
    c:flush(1)
    local type, body
    repeat type, body = c:lose(1, 2) until type == SNAPSHOT
    c:put(1, "web", "b")
    settle()
    assert.equal("denied", c:inject(3, 2, SNAPSHOT, body))
    assert.equal("denied", c:inject(1, 2, SNAPSHOT, body))
    c:freeze(3, 1)
    assert.equal("denied", c:inject(3, 2, SNAPSHOT, body))
    assert.equal(2, c:count(3, 1))
  end)

  it("that is malformed has no effect, whatever byte is wrong", function()
    local c = open(2)
    local body = captured(c)
    local zeros = ("\0"):rep(16)
    for at = 17, #body do
      local ok = 0
      for _, byte in ipairs { 0x00, 0x7f, 0xc0, 0xc1, 0xdc, 0xff } do
        local data = body:sub(17, at - 1) .. string.char(byte) .. body:sub(at + 1)
        local answer = c:inject(2, 1, DELTA, c:seal(1, "D", zeros, data))
        assert.not_equal("invalid", answer)
        if answer == "ok" then ok = ok + 1 end
        c:drop(2, 1)
      end
      assert.is_true(ok <= 6)
    end
    for len = 0, #body - 1 do
      local answer = c:inject(2, 1, DELTA, len < 16 and body:sub(1, len) or c:seal(1, "D", zeros, body:sub(17, len)))
      assert.equal("format", answer)
      assert.equal(0, c:count(2, 1))
    end
    assert.equal("ok", c:inject(2, 1, DELTA, body))
    agree(c)
  end)

  -- The first frame of the snapshot of 1 for 2, which does not get it.
  local function snapshot_of(c)
    c:flush(1)
    c:link(1, 2)
    c:deliver(2, 1)
    c:flush(1)
    local type, body
    repeat type, body = c:lose(1, 2) until type == SNAPSHOT
    return body
  end

  it("of a snapshot that is malformed has no effect, or leaves a ledger in order", function()
    local c = open(2)
    c:put(1, "web", "a")
    c:put(1, "jobs", "b")
    local body = snapshot_of(c)
    local zeros = ("\0"):rep(16)
    for at = 17, #body do
      for _, byte in ipairs { 0x00, 0x01, 0x02, 0x03, 0x7f, 0xc0, 0xc1, 0xdc, 0xff } do
        local data = body:sub(17, at - 1) .. string.char(byte) .. body:sub(at + 1)
        local answer = c:inject(2, 1, SNAPSHOT, c:seal(1, "S", zeros, data))
        if answer ~= "ok" then assert.equal(0, c:count(2, 1)) end
        local last = 0
        for seq in c:dump(2, 1):gmatch "seq=(%d+)" do
          assert.is_true(tonumber(seq) > last)
          last = tonumber(seq)
        end
        assert.is_true(last <= c:seq(2, 1))
        c:drop(2, 1)
      end
    end
    assert.equal("ok", c:inject(2, 1, SNAPSHOT, body))
    agree(c)
  end)

  it("of a snapshot with more rows than a node may have is refused", function()
    local c = open(2)
    c:put(1, "web", "a")
    local data = snapshot_of(c):sub(17)
    local total = data:find("\xc4\x10", 5 + 16, true) + 18 -- behind the run, the sequence, the chain
    assert.equal(1, data:byte(total))
    local function with_total(bytes)
      local changed = data:sub(1, total - 1) .. bytes .. data:sub(total + 1)
      return c:inject(2, 1, SNAPSHOT, c:seal(1, "S", ("\0"):rep(16), changed))
    end
    assert.equal("format", with_total("\xce\x00\x40\x00\x01"))
    assert.equal(1, c:counters(2).malformed)
    assert.equal(0, c:count(2, 1))
    assert.equal("ok", with_total("\x01"))
    assert.equal(1, c:count(2, 1))
  end)

  it("beyond a limit is refused before anything is kept", function()
    local c = open(2)
    link_all(c)
    assert.equal("limit", c:inject(2, 1, DELTA, ("\0"):rep(1024 * 1024 + 1)))
    assert.equal("limit", c:inject(2, 1, SNAPSHOT, ("\0"):rep(1024 * 1024 + 1)))
    assert.equal("format", c:inject(2, 1, 0x7f, ""))
    assert.equal("format", c:inject(2, 1, NEED, ""))
    assert.equal("format", c:inject(2, 1, DIGEST, "\x92\xc3\xdd\xff\xff\xff\xff"))
    assert.equal("format", c:inject(2, 1, DIGEST, "\x92\xc3\xdc\x10\x01"))
    assert.equal(6, c:counters(2).malformed)
    assert.same({ 1, 2 }, c:ledgers(2, false))
  end)
end)

describe("a row", function()
  setup(registry.enter)
  teardown(registry.leave)
  after_each(function() cluster.c:close() end)

  it("is refused beyond its limits", function()
    local c = open(1)
    local function refused(id, row) assert.equal(0, c:put(1, "web", id, row)) end
    refused("")
    refused(("x"):rep(256))
    refused("a", { spec = ("x"):rep(64 * 1024 + 1) })
    refused("a", { metadata = ("x"):rep(4 * 1024 + 1) })
    refused("a", { metadata = "no map" })
    refused("a", { metadata = "\x81\xa3tag" })
    refused("a", { generation = (1 << 62) + 1 })
    refused("a", { state = 0 })
    refused("a", { state = 7 })
    refused("a", { pid = 1 << 50 })
    assert.equal(0, c:put(1, "", "a"))
    assert.equal(0, c:put(1, ("x"):rep(256), "a"))
    assert.equal(0, c:seq(1, 1))
    assert.equal(1, c:put(1, ("x"):rep(255), ("x"):rep(255), { spec = ("x"):rep(64 * 1024) }))
  end)

  it("belongs to one of a limited number of hubs", function()
    local c = open(2)
    for i = 1, 1024 do assert.equal(i, c:hub(1, "hub" .. i)) end
    assert.equal(0, c:hub(1, "one more"))
    assert.equal(7, c:hub(1, "hub7"))
    link_all(c)
    c:put(2, "one more", "a")
    c:flush(2)
    assert.equal("limit", c:deliver(2, 1))
    assert.equal(0, c:count(1, 2))
  end)
end)
