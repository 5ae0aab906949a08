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
end)
