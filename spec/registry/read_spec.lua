-- Reads: instances in order, pids, tags, pages; and readers on other threads while rows change.
local readers = require "luahub_test.registry_readers"
local registry = require "luahub_test.registry"

local RUNNING, MOVING = 2, 4

local function tagged(tag) return "\x81\xa3tag" .. string.char(0xa0 + #tag) .. tag end

local function lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

local function sorted(text)
  local list = lines(text)
  table.sort(list)
  return list
end

describe("reading", function()
  local c

  local function settle()
    repeat
      local moved = false
      for i = 1, 3 do c:flush(i) end
      while c:step() do moved = true end
    until not moved
  end

  setup(registry.enter)
  teardown(registry.leave)
  before_each(function()
    c = registry.cluster(3, 1)
    for i = 1, 3 do
      for j = i + 1, 3 do c:link(i, j) end
    end
  end)
  after_each(function() c:close() end)

  it("orders instances by generation, then by node (E2, E3)", function()
    c:put(3, "web", "a", { generation = 5 })
    c:put(2, "web", "a", { generation = 9 })
    c:put(1, "web", "a", { generation = 5 })
    settle()
    for i = 1, 3 do assert.same({ { 2, 1, 3 }, { 9, 5, 5 } }, { c:find(i, "web", "a") }) end
    assert.same({ {}, {} }, { c:find(1, "jobs", "a") })
  end)

  it("answers the pid of the best instance that runs", function()
    c:put(1, "web", "a", { generation = 2, pid = 10, state = RUNNING })
    c:put(2, "web", "a", { generation = 3, pid = 20, state = MOVING })
    c:put(3, "web", "a", { generation = 1, pid = 30, state = RUNNING })
    settle()
    assert.same({ 1, 10 }, { c:pid(3, "web", "a") })
    c:remove(1, "web", "a")
    assert.same({ 3, 30 }, { c:pid(1, "web", "a") })
    assert.is_nil(c:pid(1, "web", "b"))
    assert.is_nil(c:pid(1, "jobs", "a"))
  end)

  it("counts the rows of a hub in live ledgers", function()
    c:put(1, "web", "a")
    c:put(2, "web", "a")
    c:put(2, "jobs", "a")
    settle()
    assert.equal(2, c:children(3, "web"))
    c:freeze(3, 2)
    assert.equal(1, c:children(3, "web"))
    assert.equal(0, c:children(3, "jobs"))
    c:thaw(3, 2)
    assert.equal(2, c:children(3, "web"))
    c:drop(3, 2)
    assert.equal(1, c:children(3, "web"))
  end)

  it("finds each of many rows with one tag once, whenever they came, as others go", function()
    local expected = {}
    for i = 1, 2000 do
      local id = ("m%04d"):format(i)
      c:put(1, "web", id, { metadata = tagged(i % 4 == 0 and "rare" or "many") })
      if i % 4 ~= 0 then expected[#expected + 1] = id end
    end
    assert.same(expected, sorted(c:scan_tag(1, "web", "many")))
    for i = 1, 2000, 2 do
      c:remove(1, "web", ("m%04d"):format(i))
    end
    assert.equal(500, #sorted(c:scan_tag(1, "web", "many")))
    assert.equal(500, #sorted(c:scan_tag(1, "web", "rare")))
  end)

  it("finds rows by tag, as their tags change", function()
    c:put(1, "web", "a", { metadata = tagged "blue" })
    c:put(2, "web", "b", { metadata = tagged "blue" })
    c:put(2, "web", "c", { metadata = tagged "red" })
    c:put(2, "web", "d", { metadata = "\x81\xa3tag\x01" })
    c:put(3, "jobs", "a", { metadata = tagged "blue" })
    settle()
    assert.same({ "a", "b" }, sorted(c:scan_tag(3, "web", "blue")))
    assert.same({ "a" }, sorted(c:scan_tag(1, "jobs", "blue")))
    c:put(2, "web", "b", { metadata = tagged "red" })
    c:remove(1, "web", "a")
    settle()
    assert.same({}, sorted(c:scan_tag(3, "web", "blue")))
    assert.same({ "b", "c" }, sorted(c:scan_tag(3, "web", "red")))
    c:freeze(3, 2)
    assert.same({}, sorted(c:scan_tag(3, "web", "red")))
  end)

  it("lists a hub in pages of ids in byte order", function()
    local all = {}
    for i = 1, 100 do
      all[i] = ("c%03d"):format(i)
      c:put(1 + i % 2, "web", all[i])
      c:put(3, "jobs", all[i])
    end
    c:put(2, "web", "c001")
    c:put(1, "web", "c001")
    settle()
    local seen, after = {}, ""
    while true do
      local text, ids = c:page(3, "web", after, 7)
      if ids == 0 then break end
      assert.is_true(ids <= 7)
      for _, id in ipairs(lines(text)) do
        if id ~= after then seen[#seen + 1] = id end
        after = id
      end
    end
    assert.same(all, seen)
    assert.same({ "c001\nc001\nc002\n", 2 }, { c:page(3, "web", "", 2) })
    assert.same({ "", 0 }, { c:page(3, "web", "", 0) })
    assert.same({ "", 0 }, { c:page(3, "web", "c100", 5) })
  end)

  it("sees every row of a hub in a scan", function()
    local all = {}
    for i = 1, 500 do
      all[i] = ("c%03d"):format(i)
      c:put(1, "web", all[i])
    end
    settle()
    assert.same(all, sorted(c:scan(2, "web")))
    assert.same({}, sorted(c:scan(2, "jobs")))
  end)

  it("finds only whole rows while they change (E13)", function()
    local _, wrong = readers.churn(2, 20000)
    assert.equal(0, wrong)
  end)

  it("finds every row while its table grows on a thread of its own", function()
    assert.equal(0, readers.crowd(150000))
  end)
end)
