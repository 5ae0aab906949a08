-- What nodes say about themselves and each other: records, facts, departures, and what is not believed.
local member = require "luahub_test.member"
local cluster = dofile "spec/member/cluster.lua"

local form, wait, all_see = cluster.form, cluster.wait, cluster.all_see

describe("a departure", function()
  it("is known by all in less than a second", function()
    local sim = form(10)
    sim:leave(4)
    assert.is_truthy(wait(sim, 1000, function() return all_see(sim, cluster.others(10, 4), 4, "left") end))
    sim:kill(4)
    sim:run(30000)
    assert.is_true((all_see(sim, cluster.others(10, 4), 4, "left")))
    assert.equal(0, cluster.sum(sim, cluster.others(10, 4), "deaths"))
  end)

  it("is announced as leaving, during which the node is still alive", function()
    local sim = form(3)
    sim:update(2, { leaving = true })
    assert.is_truthy(wait(sim, 1000, function() return all_see(sim, { 1, 3 }, 2, "leaving") end))
    sim:run(20000)
    assert.is_true((all_see(sim, { 1, 3 }, 2, "leaving")))
  end)

  it("is not undone by its own run, only by the next", function()
    local sim = form(3)
    local old = sim:greeting(2, {})
    sim:leave(2)
    sim:run(500)
    assert.equal("denied", (sim:check(1, 2, 1, old)))
    sim:kill(2)
    sim:start(2, 1)
    assert.is_truthy(wait(sim, 5000, function() return sim:agree() end))
    assert.equal(2, select(2, sim:state(3, 2)))
  end)
end)

describe("a changed record", function()
  for _, hubs in ipairs { 1, 60 } do
    it("reaches all, with " .. hubs .. " hubs in it", function()
      local sim = form(8)
      sim:update(3, { hubs = hubs })
      assert.is_truthy(wait(sim, 1000, function()
        for node = 1, 8 do
          if sim:hubs(node, 3) ~= hubs then return false end
        end
        return true
      end))
      assert.is_nil(sim:stats().violation)
    end)
  end

  it("reaches a node by the next exchange when all else was lost (C5)", function()
    local sim = form(3)
    sim:break_link(2, 3)
    for _, pair in ipairs { { 2, 3 }, { 3, 2 }, { 1, 3 }, { 3, 1 } } do sim:cut(pair[1], pair[2], "all") end
    sim:update(2, { hubs = 2 })
    sim:run(3000)
    assert.equal(0, sim:hubs(3, 2))
    for _, pair in ipairs { { 2, 3 }, { 3, 2 }, { 1, 3 }, { 3, 1 } } do sim:cut(pair[1], pair[2]) end
    assert.is_truthy(wait(sim, 15000, function() return sim:hubs(3, 2) == 2 end))
  end)
end)

describe("a tombstone", function()
  it("is kept for a day and then forgotten (case 65)", function()
    local sim = form(2)
    sim:kill(2)
    sim:run(23 * 3600 * 1000)
    assert.equal("dead", (sim:state(1, 2)))
    sim:run(2 * 3600 * 1000)
    assert.is_nil((sim:state(1, 2)))
  end)
end)

describe("a run", function()
  it("that comes back with a higher epoch takes the place of the old one", function()
    local sim = form(3)
    sim:kill(3)
    sim:start(3, 1)
    assert.is_truthy(wait(sim, 5000, function() return sim:agree() end))
    assert.is_true(sim:dead_at(2, 3) > 0)
    assert.is_nil(sim:stats().violation)
  end)

  it("that cannot be dialled is not alive by hearsay", function()
    local sim = form(2)
    sim:run(100)
    local three = member.new { nodes = 3 }
    three:start(1)
    three:start(2, 1)
    three:run(1000)
    local stranger = three:items(three:greeting(3, { epoch = 1 }))
    three:inject(1, 2, stranger, true)
    three:run(5000)
    assert.is_nil(three:state(1, 3))
    assert.is_nil(three:state(2, 3))
  end)

  it("of an absurd epoch harms nobody else (case 43)", function()
    local sim = form(3)
    sim:inject(1, 3, sim:items(sim:greeting(3, { epoch = 2 ^ 62 | 0 })), true)
    sim:run(20000)
    assert.is_nil(sim:ended(1))
    assert.is_nil(sim:ended(2))
    assert.equal("alive", (sim:state(1, 2)))
    assert.equal("alive", (sim:state(2, 1)))
    assert.is_nil(sim:stats().violation)
  end)

  it("ends when a newer one with its id signs itself", function()
    local sim = form(3)
    sim:inject(2, 1, sim:items(sim:greeting(2, { epoch = 9 })), true)
    assert.equal("exists", sim:ended(2))
  end)

  it("ends when its incarnations are used up (case 41)", function()
    local sim = form(3)
    sim:inject(2, 1, sim:fact("suspect", 2, 0xffffffff, 1, 1), true)
    assert.equal("limit", sim:ended(2))
  end)

  it("answers an accusation by one that it never met: who passed it on believes it", function()
    local sim = member.new { nodes = 3 }
    sim:start(1)
    sim:start(2, 1)
    sim:run(1000)
    sim:inject(1, 2, sim:fact("suspect", 1, 0, 3, 3), true)
    assert.equal(1, select(3, sim:state(1, 1)))
    assert.is_truthy(wait(sim, 1000, function() return select(3, sim:state(2, 1)) == 1 end))
  end)

  it("declared dead by an operator lives on by its own word", function()
    local sim = form(3)
    sim:declare_dead(1, 3)
    assert.equal("dead", (sim:state(1, 3)))
    assert.is_truthy(wait(sim, 10000, function() return sim:agree() end))
    assert.is_true(select(3, sim:state(1, 3)) > 0)
  end)
end)

describe("a greeting", function()
  local sim
  before_each(function() sim = form(3) end)

  it("of a known run is accepted", function() assert.equal("ok", (sim:check(1, 2, 1, sim:greeting(2, {})))) end)

  it("with a bad signature is refused and counted", function()
    assert.equal("denied", (sim:check(1, 2, 1, sim:greeting(2, { forge = true }))))
    assert.equal(1, sim:counters(1).bad_signature)
  end)

  it("of another run than the link's is refused", function()
    assert.equal("denied", (sim:check(1, 2, 7, sim:greeting(2, {}))))
  end)

  it("of an earlier epoch is refused: as displaced while a later one lives, else as fenced (D6)", function()
    sim:kill(2)
    sim:start(2, 1)
    wait(sim, 5000, function() return sim:agree() end)
    assert.equal("displaced", (sim:check(1, 2, 1, sim:greeting(2, { epoch = 1 }))))
    sim:kill(2)
    assert.is_truthy(wait(sim, 10000, function() return sim:state(1, 2) == "dead" end))
    local code, text = sim:check(1, 2, 1, sim:greeting(2, { epoch = 1 }))
    assert.equal("denied", code)
    assert.matches("fenced", text)
  end)

  it("of a fenced epoch is refused as such", function()
    sim:stall(2)
    sim:run(6000)
    sim:fence(1, 2)
    local code, text = sim:check(1, 2, 1, sim:greeting(2, {}))
    assert.equal("denied", code)
    assert.matches("fenced", text)
    assert.equal("ok", (sim:check(1, 2, 2, sim:greeting(2, { epoch = 2 }))))
  end)

  it("with a name that another live node holds is refused (case 45)", function()
    local code, text = sim:check(1, 3, 2, sim:greeting(3, { name = "n2", epoch = 2 }))
    assert.equal("exists", code)
    assert.matches("n2", text)
  end)

  it("with a name that another must give up is refused for now", function()
    local function check(settled)
      return (sim:check(1, 3, 2, sim:greeting(3, { name = "n2", epoch = 2, settled = settled })))
    end
    assert.equal("exists", check(false))
    assert.equal(sim:lower(2, 3) == 3 and "again" or "exists", check(true))
  end)

  it("of our own id is refused, as the one to end or the one to give way to", function()
    assert.equal("displaced", (sim:check(1, 1, 0, sim:greeting(1, { epoch = 0 }))))
    assert.equal("again", (sim:check(1, 1, 2, sim:greeting(1, { epoch = 2 }))))
  end)

  it("is refused while its name or address is not a word (wire 28, 29)", function()
    for _, name in ipairs { "", "a b", "a\nb", "../x", "\27[2J", "\xff", "\xc2\x9b", ("x"):rep(65) } do
      local code = sim:check(1, 2, 1, sim:greeting(2, { name = name }))
      if #name < 65 then assert.equal("format", code, ("%q"):format(name)) end
    end
    for _, address in ipairs { "", "host", "host:", "host:0", "host:70000", ":80", "host:-1", "a b:80" } do
      assert.equal("format", (sim:check(1, 2, 1, sim:greeting(2, { address = address }))), address)
    end
  end)

  it("is refused while its labels are not sorted lines, each key once", function()
    for _, labels in ipairs { "", "a=b\n", "a=b=c\nd=e\n", "a=" .. ("x"):rep(1000) .. "\n" } do
      assert.equal("ok", (sim:check(1, 2, 1, sim:greeting(2, { labels = labels }))), labels)
    end
    for _, labels in ipairs {
      "a", "a=b", "a\n", "=b\n", "a=\n", "a b=c\n", "a=b c\n", "a=../c\n", "b=c\na=d\n", "a=b\na=c\n", "\n", "a=\xff\n",
    } do
      assert.equal("format", (sim:check(1, 2, 1, sim:greeting(2, { labels = labels }))), ("%q"):format(labels))
    end
  end)

  it("is refused while its weight is too large", function()
    assert.equal("ok", (sim:check(1, 2, 1, sim:greeting(2, { weight = 100000 }))))
    assert.equal("format", (sim:check(1, 2, 1, sim:greeting(2, { weight = 100001 }))))
  end)

  it("with a number written at greater length than need be has a bad signature (wire 31)", function()
    local greeting = sim:greeting(2, { version = 1 })
    local body, rest = ("s1"):unpack(greeting, 3)
    local version = body:find("\xc4\x10", 1, true) + 2 + 16 + 1 -- behind the id and the epoch
    assert.equal(1, body:byte(version))
    local longer = body:sub(1, version - 1) .. "\xcc\x01" .. body:sub(version + 1)
    assert.equal("denied", (sim:check(1, 2, 1, greeting:sub(1, 2) .. ("s1"):pack(longer) .. greeting:sub(rest))))
  end)

  it("cut short anywhere is refused", function()
    local greeting = sim:greeting(2, {})
    for len = 0, #greeting - 1 do assert.not_equal("ok", (sim:check(1, 2, 1, greeting:sub(1, len)))) end
  end)
end)

describe("a fact", function()
  local sim
  before_each(function() sim = form(3) end)

  local function unchanged()
    sim:run(2000)
    assert.is_true(sim:agree())
    local _, _, incarnation = sim:state(1, 2)
    assert.equal(0, incarnation)
  end

  it("with a bad signature changes nothing (case 40)", function()
    for _, state in ipairs { "suspect", "dead" } do
      sim:inject(1, 3, sim:fact(state, 2, 0, 3, 2), true)
      sim:inject(1, 3, sim:fact(state, 2, 0, 3, 2))
    end
    sim:inject(1, 3, sim:fact("left", 2, 0, 2, 3), true)
    sim:inject(1, 3, sim:fact("alive", 2, 5, 2, 3), true)
    assert.equal(6, sim:counters(1).bad_signature)
    unchanged()
  end)

  it("that says alive or left is only taken from its subject (case 40)", function()
    sim:inject(1, 3, sim:fact("left", 2, 0, 3, 3), true)
    sim:inject(1, 3, sim:fact("alive", 2, 5, 3, 3), true)
    assert.equal(2, sim:counters(1).malformed)
    unchanged()
  end)

  it("older than tombstones are kept is not taken", function()
    sim:inject(1, 3, sim:fact("dead", 2, 0, 3, 3, 25 * 3600 * 1000), true)
    unchanged()
  end)

  it("that a linked node is dead only makes it suspect, until it refutes", function()
    sim:inject(1, 3, sim:fact("dead", 2, 0, 3, 3), true)
    assert.equal("suspect", (sim:state(1, 2)))
    assert.is_truthy(wait(sim, 2000, function() return sim:agree() end))
    assert.equal(1, select(3, sim:state(1, 2)))
    assert.equal(0, sim:dead_at(1, 2))
  end)

  it("of an older incarnation is not taken", function()
    sim:inject(1, 3, sim:fact("suspect", 2, 0, 3, 3), true)
    wait(sim, 2000, function() return select(3, sim:state(1, 2)) == 1 end)
    sim:inject(1, 3, sim:fact("dead", 2, 0, 3, 3), true)
    assert.equal("alive", (sim:state(1, 2)))
  end)
end)

describe("bytes that are no message", function()
  it("are dropped and counted", function()
    local sim = form(3)
    local before = sim:counters(1).malformed
    local inputs = { "", "\0", ("\x91"):rep(1000), "\xdd\xff\xff\xff\xff", "\xc1",
      "\x93\x63\x00\xc0", "\x93\x00\x00\xc0\x00" }
    for _, bytes in ipairs(inputs) do
      sim:inject(1, 2, bytes)
      sim:inject(1, 2, bytes, true)
    end
    assert.equal(before + 2 * #inputs, sim:counters(1).malformed)
    sim:run(5000)
    assert.is_true(sim:agree())
  end)

  it("are dropped when they come from our own id", function()
    local sim = form(2)
    sim:inject(1, 1, sim:fact("suspect", 2, 0, 1, 1))
    assert.equal(1, sim:counters(1).malformed)
    assert.equal("alive", (sim:state(1, 2)))
  end)
end)
