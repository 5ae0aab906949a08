-- Load-based placement: what each node says of its load is gossiped in few words, old words do no harm, and a hub that
-- is at rest says nothing.
local history = require("spec.hub.history")

local function counts(h)
  local out = {}
  for _, instances in pairs(h.sim:truth()) do
    out[instances[1]] = (out[instances[1]] or 0) + 1
  end
  return out
end

local function start_singly(h, first, last)
  for i = first, last do
    h:start(h:draw(h.nodes), i, i)
    h:run(h:draw(20))
  end
  h:run(2000)
end

local function loads(h) return h.sim:figures().loads end

describe("a hub that goes by load", function()
  it("spreads single starts, whoever asks (L-14)", function()
    for seed = 1, 40 do
      local h = history.new(seed, 3, { load = true })
      start_singly(h, 1, 60)
      for node = 1, 3 do
        local has = counts(h)["n" .. node] or counts(h)[node] or 0
        assert.is_true(has >= 12 and has <= 28, ("seed %d: n%d has %d"):format(seed, node, has))
      end
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)

  it("spares a node on which heaps wait, as far as all have heard, and takes it again later", function()
    for seed = 1, 40 do
      local h = history.new(seed, 4, { load = true })
      h.sim:press(2, 4000)
      h:run(8000)
      start_singly(h, 1, 80)
      local pressed = counts(h)["n2"] or counts(h)[2] or 0
      assert.is_true(pressed <= 10, ("seed %d: the busy one has %d"):format(seed, pressed))
      h.sim:press(2, 0)
      h:run(15000)
      start_singly(h, 81, 200)
      local later = counts(h)["n2"] or counts(h)[2] or 0
      assert.is_true(later >= 30, ("seed %d: later it has %d"):format(seed, later))
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)

  it("spreads them when the word is old: a node that is cut off from it still counts", function()
    for seed = 1, 40 do
      local h = history.new(seed, 3, { load = true })
      h.sim:press(1, 4000)
      h:run(8000)
      h.sim:press(1, 0) -- the others will hear of it later
      start_singly(h, 1, 30)
      for node = 2, 3 do
        local has = counts(h)["n" .. node] or counts(h)[node] or 0
        assert.is_true(has >= 5 and has <= 22, ("seed %d: n%d has %d"):format(seed, node, has))
      end
    end
  end)

  it("says nothing while nothing changes, however many children there are", function()
    for _, children in ipairs { 0, 300 } do
      local h = history.new(3, 8, { load = true })
      if children > 0 then h:start(1, 1, children) end
      h:run(20000)
      assert.equal(0, loads(h))
      h.sim:press(5, 1500)
      h:run(30000)
      local after = loads(h)
      -- At most six steps to the pressure; each passed on for four rounds, by eight members, to two of them.
      assert.is_true(after > 0 and after <= 6 * 4 * 8 * 2, after .. " frames")
      h:run(60000)
      assert.equal(after, loads(h))
    end
  end)

  it("hears it also when it joins later, and when links break meanwhile", function()
    for seed = 1, 30 do
      local h = history.new(seed, 4, { load = true })
      h.sim:press(2, 4000)
      h.sim:break_link(1, 2, 3000)
      h:run(9000)
      local late = h:join()
      h:run(9000)
      for i = 1, 60 do
        h:start(late, i, i)
        h:run(10)
      end
      h:run(2000)
      local pressed = counts(h)["n2"] or counts(h)[2] or 0
      assert.is_true(pressed <= 8, ("seed %d: the busy one has %d"):format(seed, pressed))
      assert.same({}, h:rest(), "seed " .. seed)
    end
  end)
end)
