-- Random histories by seed: rows change, links break and return, nodes return in new epochs, frames are
-- delayed. At any time a copy that stands at (run, sequence) is what every other copy there is; in the end,
-- with all links up, all are the same.
local helper = require "spec_helper"
local registry = require "luahub_test.registry"

local SEEDS = 40
local STEPS = 250
local SIZE = 4

local function history(seed)
  local c = registry.cluster(SIZE, seed)
  local state = seed * 2654435761 % 4294967296
  local function draw(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n + 1
  end
  local current = {} -- process -> its run
  local runs = SIZE
  local generation = 0
  local contents = {} -- "run seq" -> { chain, dump }
  for i = 1, SIZE do current[i] = i end

  -- Only what was flushed is known by a sequence: the owner's copy is looked at after its flush.
  local function check(process, run)
    local seq = c:seq(process, run)
    if seq == 0 then return end
    local key, found = run .. " " .. seq, c:dump(process, run)
    local known = contents[key]
    if known == nil then
      contents[key] = { c:chain(process, run), found }
    else
      assert.equal(known[2], found, "another content at " .. key)
      assert.equal(known[1], c:chain(process, run), "another chain at " .. key)
    end
  end

  local function flush(i)
    c:flush(i)
    check(i, current[i])
  end

  local function deliver()
    local answer, from, to = c:step()
    if not answer then return false end
    assert.equal("ok", answer)
    check(to, current[from])
    return true
  end

  local acts = {
    function(i)
      generation = generation + 1
      local spec = ("s"):rep(draw(4) == 1 and 20000 or draw(20))
      local row = { generation = generation, born = draw(generation), spec = spec, pid = draw(1000) }
      c:put(i, "hub" .. draw(2), "c" .. draw(12), row)
    end,
    function(i) c:remove(i, "hub" .. draw(2), "c" .. draw(12)) end,
    function(i) c:order(i, "hub" .. draw(2), "c" .. draw(12), draw(generation + 1)) end,
    function(i) c:remove_order(i, "hub" .. draw(2), "c" .. draw(12)) end,
    flush,
    function() for _ = 1, draw(6) do deliver() end end,
    function(i, j) if i ~= j then c:link(i, j) end end,
    function(i, j) if i ~= j and draw(3) == 1 then c:cut(i, j) end end,
    function(i, j) if i ~= j then c:compare(i, j) end end,
    function(i)
      if draw(12) > 1 or runs >= 40 then return end
      local old = current[i]
      current[i] = c:restart(i)
      runs = runs + 1
      for j = 1, SIZE do
        if j ~= i then c:drop(j, old) end
      end
    end,
  }
  for _ = 1, STEPS do acts[draw(#acts)](draw(SIZE), draw(SIZE)) end

  for i = 1, SIZE do
    for j = i + 1, SIZE do c:link(i, j) end
  end
  local moved
  repeat
    moved = false
    for i = 1, SIZE do flush(i) end
    while deliver() do moved = true end
  until not moved
  for i = 1, SIZE do
    for j = 1, SIZE do assert.equal(c:dump(j, current[j]), c:dump(i, current[j])) end
    assert.equal(c:digest(1), c:digest(i))
    assert.equal(c:scan(1, "hub1"):len(), c:scan(i, "hub1"):len())
    for k = 1, 12 do
      local id = "c" .. k
      for h = 1, 2 do
        assert.equal(c:ordered(1, "hub" .. h, id), c:ordered(i, "hub" .. h, id))
        assert.equal(#c:find(1, "hub" .. h, id), #c:find(i, "hub" .. h, id))
      end
    end
    for h = 1, 2 do
      local _, rows = c:scan(i, "hub" .. h):gsub("\n", "")
      assert.equal(rows, c:children(i, "hub" .. h))
    end
    assert.equal(0, c:counters(i).malformed)
    assert.equal(0, c:counters(i).digest_mismatch)
  end
  local final = c:dump(1, current[1]) .. c:digest(1)
  c:close()
  return final
end

describe("random histories", function()
  setup(registry.enter)
  teardown(registry.leave)

  it("end in agreement, with one content at every sequence", function()
    helper.each_seed(SEEDS, function(seed) history(seed) end)
  end)

  it("replay exactly", function() assert.equal(history(7), history(7)) end)
end)
