local stranger = require "luahub_test.link_stranger"
local fixture = dofile "spec/link/fixture.lua"

describe("links between nodes", function()
  local net, raw
  local a, b, c = 1, 2, 3

  before_each(function()
    net = fixture.net("a", "b", "c")
    raw = net.net
  end)
  after_each(function() net:close() end)

  it("come up on both sides once, with name and greeting", function()
    raw:greeting(a, "record of a")
    raw:greeting(b, "record of b")
    local to_b, to_a = net:link(a, b)
    local up_a, up_b = net:find(a, "up"), net:find(b, "up")
    assert.equal(1, #up_a)
    assert.equal(1, #up_b)
    assert.same({ "b", "record of b", to_b, 1 }, { up_a[1].name, up_a[1].body, up_a[1].peer, up_a[1].type })
    assert.same({ "a", "record of a", to_a, 0 }, { up_b[1].name, up_b[1].body, up_b[1].peer, up_b[1].type })
  end)

  it("carry frames of every size and class, whole and in order", function()
    local to_b = net:link(a, b)
    local sizes = { 0, 1, 64, 16381, 16382, 16383, 16384, 32764, 32765, 100000, 1048577, 16777216, 5 }
    for _, class in ipairs { "control", "state", "data" } do
      local before = #net:find(b, "frame")
      for i, size in ipairs(sizes) do
        local body = string.rep(string.char(i), size)
        net:until_("room", function() return raw:send(a, to_b, class, i, body) == fixture.OK end)
        -- one at a time where a queue is smaller than the sum of what is sent
        net:until_count(b, "frame", before + i)
      end
      local frames = net:find(b, "frame")
      for i, size in ipairs(sizes) do
        local frame = frames[before + i]
        assert.equal(i, frame.type)
        assert.is_true(frame.body == string.rep(string.char(i), size), class .. " frame of " .. size)
      end
    end
    assert.same({}, net:find(b, "down"))
  end)

  it("carry what nobody answers, one frame or many at a time, in order", function()
    local to_b = net:link(a, b)
    local sent = 0
    for _, count in ipairs { 1, 40, 1, 1000, 1 } do
      for _ = 1, count do
        sent = sent + 1
        assert.equal(fixture.OK, raw:send(a, to_b, "data", 1, string.rep("b", 40) .. sent))
      end
      net:until_count(b, "frame", sent)
    end
    for i, frame in ipairs(net:find(b, "frame")) do
      assert.equal(string.rep("b", 40) .. i, frame.body)
    end
  end)

  it("answer limit for a frame above 16 MiB and closed for an unknown peer", function()
    local to_b = net:link(a, b)
    assert.equal(fixture.LIMIT, raw:send(a, to_b, "data", 1, string.rep("x", 16777217)))
    assert.equal(fixture.CLOSED, raw:send(a, 99, "data", 1, "x"))
    assert.equal(fixture.CLOSED, raw:send(a, raw:peer(a, c), "data", 1, "x"))
    assert.is_true(raw:is_up(a, to_b))
  end)

  it("let control overtake bulk that is under way", function()
    local to_b = net:link(a, b)
    raw:hold()
    local block = string.rep("b", 1048576)
    for i = 1, 32 do assert.equal(fixture.OK, raw:send(a, to_b, "state", i, block)) end
    assert.is_true(raw:queued(a, to_b, "state") > 0)
    assert.equal(fixture.OK, raw:send(a, to_b, "control", 200, "now"))
    raw:release()
    net:until_count(b, "frame", 33)
    local frames, place = net:find(b, "frame"), nil
    for i, frame in ipairs(frames) do
      if frame.type == 200 then place = i end
    end
    assert.is_true(place < 33, "control came last")
    local bulk = 0
    for _, frame in ipairs(frames) do
      if frame.type ~= 200 then
        bulk = bulk + 1
        assert.equal(bulk, frame.type)
        assert.is_true(frame.body == block)
      end
    end
  end)

  it("push back when the data queue is full, and take more when it has drained (case 86)", function()
    local to_b = net:link(a, b)
    raw:hold()
    local block, sent, err = string.rep("d", 1048576), 0
    repeat
      err = raw:send(a, to_b, "data", 1, block)
      if err == fixture.OK then sent = sent + 1 end
    until err ~= fixture.OK or sent > 100
    assert.equal(fixture.AGAIN, err)
    assert.is_true(raw:queued(a, to_b, "data") >= 8 * 1048576)
    assert.equal(1, raw:counters(a).data_full)
    assert.equal(fixture.OK, raw:send(a, to_b, "control", 2, "still open"))
    raw:release()
    net:until_count(b, "frame", sent + 1)
    net:until_("an empty queue", function() return raw:queued(a, to_b, "data") == 0 end)
    assert.equal(fixture.OK, raw:send(a, to_b, "data", 3, "more"))
    net:until_count(b, "frame", sent + 2)
  end)

  it("end when control is not read for too long", function()
    local to_b = net:link(a, b)
    raw:hold()
    local block, err = string.rep("c", 1048576), nil
    for _ = 1, 64 do
      err = raw:send(a, to_b, "control", 1, block)
      if err ~= fixture.OK then break end
    end
    assert.equal(fixture.CLOSED, err)
    raw:release()
    local down = net:until_count(a, "down", 1)[1]
    assert.matches("control queue is full", down.text)
    net:until_count(b, "down", 1)
    net:link(a, b)
  end)

  it("end when state is not read for too long", function()
    local to_b = net:link(a, b)
    raw:hold()
    local block, err = string.rep("s", 8 * 1048576), nil
    for _ = 1, 64 do
      err = raw:send(a, to_b, "state", 1, block)
      if err ~= fixture.OK then break end
    end
    assert.equal(fixture.CLOSED, err)
    assert.equal(1, raw:counters(a).overflows)
    raw:release()
    assert.matches("state queue is full", net:until_count(a, "down", 1)[1].text)
    net:until_count(b, "down", 1)
    net:link(a, b)
  end)

  it("keep whole frames in order per thread when four threads send at once", function()
    local to_b = net:link(a, b)
    raw:burst(a, to_b, 4, 300, 40000)
    local frames = net:until_count(b, "frame", 1200)
    local next_number = { 0, 0, 0, 0 }
    for _, frame in ipairs(frames) do
      local number = string.unpack("<i4", frame.body)
      assert.equal(next_number[frame.type], number)
      next_number[frame.type] = number + 1
      local size = 4 + (number * 7919) % (40000 - 4)
      assert.is_true(frame.body:sub(5) == string.rep(string.char(frame.type), size - 4))
    end
  end)

  it("close on request, tell both sides, and can be made again", function()
    local to_b, to_a = net:link(a, b)
    raw:close_link(a, to_b, "enough")
    assert.equal("enough", net:until_count(a, "down", 1)[1].text)
    net:until_count(b, "down", 1)
    assert.equal(fixture.CLOSED, raw:send(a, to_b, "data", 1, "x"))
    raw:dial(b, raw:address(a))
    net:until_count(a, "up", 2)
    net:until_count(b, "up", 2)
    assert.equal(fixture.OK, raw:send(b, to_a, "data", 1, "again"))
    assert.equal("again", net:until_count(a, "frame", 1)[1].body)
  end)

  it("of two dials that cross, leave one", function()
    for round = 1, 10 do
      raw:dial(a, raw:address(b))
      raw:dial(b, raw:address(a))
      net:until_count(a, "up", round)
      net:until_count(b, "up", round)
      net:until_("one end of the losing dial", function()
        return #net:find(a, "dial_failed") + #net:find(b, "dial_failed") >= round
      end)
      local to_b, to_a = raw:peer(a, b), raw:peer(b, a)
      assert.equal(fixture.OK, raw:send(a, to_b, "data", 1, "ping"))
      assert.equal(fixture.OK, raw:send(b, to_a, "data", 1, "pong"))
      net:until_count(a, "frame", round)
      net:until_count(b, "frame", round)
      assert.equal(round - 1, #net:find(a, "down"))
      raw:close_link(a, to_b, "next round")
      net:until_count(b, "down", round)
    end
    for _, node in ipairs { a, b } do
      for _, failed in ipairs(net:find(node, "dial_failed")) do assert.equal(fixture.EXISTS, failed.err) end
    end
  end)

  it("refuse a second dial while one is up, and keep the first", function()
    local to_b = net:link(a, b)
    raw:dial(a, raw:address(b))
    assert.equal(fixture.EXISTS, net:until_count(a, "dial_failed", 1)[1].err)
    raw:dial(b, raw:address(a))
    assert.equal(fixture.EXISTS, net:until_count(b, "dial_failed", 1)[1].err)
    assert.same({}, net:find(a, "down"))
    assert.is_true(raw:is_up(a, to_b))
  end)

  it("end quietly when a node dials itself (case 46)", function()
    raw:dial(a, raw:address(a))
    local failed = net:until_count(a, "dial_failed", 1)[1]
    assert.same({ fixture.EXISTS, 1 }, { failed.err, failed.type })
    assert.same({}, net:find(a, "up"))
  end)

  it("tell a dialler that nothing listens", function()
    local address = raw:address(c)
    raw:free(c)
    raw:dial(a, address)
    local failed = net:until_count(a, "dial_failed", 1)[1]
    assert.same({ fixture.CLOSED, 0 }, { failed.err, failed.type })
  end)

  it("carry a node's refusal and its answer to the dialler (wire 37)", function()
    local strict = net:node { name = "strict", refuse = -10, answer = "you were fenced" }
    raw:dial(a, raw:address(strict))
    local failed = net:until_count(a, "dial_failed", 1)[1]
    assert.same({ fixture.DENIED, -10, "you were fenced", 1 }, { failed.err, failed.code, failed.body, failed.type })
    assert.same({}, net:find(a, "up"))
    assert.equal(1, raw:counters(strict).refused)
    raw:dial(strict, raw:address(a))
    assert.equal(fixture.DENIED, net:until_count(strict, "dial_failed", 1)[1].err)
  end)

  it("give a node that starts again a new link and end the old one", function()
    local key = string.rep("k", 32)
    local first = net:node { name = "k", key = key, epoch = 4 }
    raw:dial(a, raw:address(first))
    net:until_count(a, "up", 1)
    local second = net:node { name = "k", key = key, epoch = 5 }
    raw:dial(second, raw:address(a))
    local ups = net:until_count(a, "up", 2)
    assert.not_equal(ups[1].peer, ups[2].peer)
    local down = net:until_count(a, "down", 1)[1]
    assert.same({ ups[1].peer, "the node started again" }, { down.peer, down.text })
    raw:dial(first, raw:address(a))
    assert.equal(fixture.DENIED, net:until_count(first, "dial_failed", 1)[1].err)
  end)

  it("refuse another process with an identity and epoch that were seen", function()
    local key = string.rep("k", 32)
    local first = net:node { name = "k", key = key }
    raw:dial(first, raw:address(a))
    net:until_count(a, "up", 1)
    local twin = net:node { name = "k", key = key }
    raw:dial(twin, raw:address(a))
    assert.equal(fixture.DENIED, net:until_count(twin, "dial_failed", 1)[1].err)
    raw:dial(twin, raw:address(first))
    assert.equal(fixture.DENIED, net:until_count(twin, "dial_failed", 2)[2].err)
    assert.same({}, net:find(a, "down"))
  end)

  it("end when their node begins a new epoch, and come up again under it", function()
    local to_b = net:link(a, b)
    raw:epoch(b, 2)
    assert.equal(to_b, net:until_count(a, "down", 1)[1].peer)
    assert.matches("new epoch", net:find(b, "down")[1].text)
    raw:dial(b, raw:address(a))
    local again = net:until_count(a, "up", 2)[2]
    assert.not_equal(to_b, again.peer)
    assert.equal(raw:peer(a, b, 2), again.peer)
  end)

  it("leave nothing behind when a node is freed amid everything", function()
    net:link(a, b)
    raw:dial(a, raw:address(c))
    raw:dial(c, raw:address(a))
    local half = stranger.connect(raw:address(a))
    raw:send(a, raw:peer(a, b), "data", 1, string.rep("x", 4000000))
    raw:free(a)
    net:until_count(b, "down", 1)
    stranger.hang_up(half)
  end)
end)
