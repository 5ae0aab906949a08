-- The limits of the member room that one node can be brought to.
local cluster = dofile "spec/member/cluster.lua"

describe("a member", function()
  it("relays no more probes than it should, and goes on", function()
    local sim = cluster.form(3)
    for sequence = 1, 300 do sim:inject(1, 2, sim:ping_req(sequence, 3)) end
    assert.equal(300 - 256, sim:counters(1).full)
    sim:run(5000)
    for sequence = 1, 256 do sim:inject(1, 2, sim:ping_req(1000 + sequence, 3)) end
    assert.equal(300 - 256, sim:counters(1).full)
    assert.is_true(sim:agree())
    assert.equal(0, sim:counters(1).suspicions)
  end)

  it("takes no more members than it should, and more again when some are dead (case 49)", function()
    local sim = cluster.form(2)
    assert.equal(4096 - 2, sim:crowd(1, 1, 4100))
    assert.equal(6, sim:counters(1).full)
    assert.equal("alive", (sim:state(1, 2)))
    assert.equal(0, sim:crowd(1, 5000, 1))
    sim:kill(2)
    assert.is_truthy(cluster.wait(sim, 30000, function() return sim:state(1, 2) == "dead" end))
    assert.equal(1, sim:crowd(1, 5000, 1))
  end)

  it("hears of no more strangers than it should, and forgets them", function()
    local sim = cluster.form(2)
    local function tell(from, count)
      for number = from, from + count - 1 do sim:inject(1, 2, sim:items(sim:stranger(number)), true) end
    end
    sim:run(5000)
    tell(1, 4100)
    assert.equal(4100 - 4096, sim:counters(1).full)
    assert.equal(4096 - 1024, sim:counters(1).rumours_dropped)
    assert.is_true(sim:agree())
    sim:run(120000) -- they are forgotten a minute after the last word of them
    tell(5001, 4096)
    assert.equal(4100 - 4096, sim:counters(1).full)
    assert.equal("alive", (sim:state(1, 2)))
  end)

  it("remembers no more of the dead than it should", function()
    local sim = cluster.form(2)
    assert.equal(4 * 4096 + 3, sim:crowd(1, 1, 4 * 4096 + 3, true))
    assert.equal(3, sim:counters(1).full)
    assert.is_true(sim:agree())
  end)
end)
