local stranger = require "luahub_test.link_stranger"
local fixture = dofile "spec/link/fixture.lua"

describe("sealed datagrams", function()
  local net, raw
  local a, b = 1, 2

  before_each(function()
    net = fixture.net("a", "b")
    raw = net.net
  end)
  after_each(function() net:close() end)

  local function dropped(node)
    local c = raw:counters(node)
    return c.bad_seal + c.replayed + c.unknown_key + c.malformed + c.too_big
  end

  -- Loopback loses nothing, and no moment between two keys may either.
  local function passes(from, to, body, address)
    local before = #net:find(to, "datagram")
    assert.equal(fixture.OK, raw:datagram(from, raw:peer(from, to), address, body))
    net:until_count(to, "datagram", before + 1)
    local all = net:find(to, "datagram")
    assert.equal(body, all[#all].body)
    assert.equal(raw:peer(to, from), all[#all].peer)
  end

  -- What `from` would send to `to`, caught on the way.
  local function catch(from, to, bodies)
    local tap = stranger.tap(raw:address(to))
    for _, body in ipairs(bodies) do
      assert.equal(fixture.OK, raw:datagram(from, raw:peer(from, to), tap:address(), body))
    end
    local packets
    net:until_("caught datagrams", function()
      packets = tap:packets()
      return #packets >= #bodies
    end)
    tap:close()
    return packets
  end

  local function deliver(to, packet)
    local before = #net:find(to, "datagram") + dropped(to)
    stranger.packet(raw:address(to), packet)
    net:until_("an end of the datagram", function() return #net:find(to, "datagram") + dropped(to) > before end)
  end

  it("pass before there is a link, with an address, and after it, without", function()
    passes(a, b, "hello", raw:address(b))
    passes(b, a, "and back", raw:address(a))
    net:link(a, b)
    passes(a, b, "by the link's address")
    passes(b, a, "by the port that was told in HELLO")
    raw:close_link(a, raw:peer(a, b), "over")
    net:until_count(b, "down", 1)
    passes(a, b, "the pair's keys outlive the link")
    net:link(a, b)
    for i = 1, 20 do
      passes(a, b, "new keys " .. i)
      passes(b, a, "new keys " .. i)
    end
  end)

  it("carry bodies of 0 to 1200 bytes and no more", function()
    net:link(a, b)
    for _, size in ipairs { 0, 1, 15, 16, 17, 1199, 1200 } do passes(a, b, string.rep("s", size)) end
    assert.equal(fixture.LIMIT, raw:datagram(a, raw:peer(a, b), nil, string.rep("s", 1201)))
  end)

  it("need an address where there was no link", function()
    assert.equal(fixture.NOT_FOUND, raw:datagram(a, raw:peer(a, b), nil, "x"))
    assert.equal(fixture.NOT_FOUND, raw:datagram(a, 999, raw:address(b), "x"))
  end)

  for _, mode in ipairs { "cluster", "pair" } do
    describe("under the " .. mode .. "'s key", function()
      before_each(function()
        if mode == "pair" then
          net:link(a, b)
          passes(b, a, "settle")
          passes(a, b, "settle")
        end
      end)

      it("are dropped with any byte changed (wire 4)", function()
        local packet = catch(a, b, { "signed and sealed" })[1]
        for i = 1, #packet do
          local flipped = packet:sub(1, i - 1) .. string.char(packet:byte(i) ~ 0x40) .. packet:sub(i + 1)
          deliver(b, flipped)
        end
        assert.equal(mode == "pair" and 1 or 0, #net:find(b, "datagram"))
        assert.equal(#packet, dropped(b))
        deliver(b, packet)
        assert.equal("signed and sealed", net:find(b, "datagram")[mode == "pair" and 2 or 1].body)
      end)

      it("are dropped when cut short or grown", function()
        local packet = catch(a, b, { "whole" })[1]
        for len = 0, #packet - 1 do deliver(b, packet:sub(1, len)) end
        deliver(b, packet .. "x")
        assert.equal(mode == "pair" and 1 or 0, #net:find(b, "datagram"))
      end)

      it("are taken once each, in any order (wire 6)", function()
        local bodies = {}
        for i = 1, 50 do bodies[i] = "n" .. i end
        local packets = catch(a, b, bodies)
        local before = #net:find(b, "datagram")
        for i = #packets, 1, -1 do deliver(b, packets[i]) end
        assert.equal(before + 50, #net:find(b, "datagram"))
        for i = 1, #packets do deliver(b, packets[i]) end
        assert.equal(before + 50, #net:find(b, "datagram"))
        assert.equal(50, raw:counters(b).replayed)
      end)

      it("open at their receiver only, and never at their sender (wire 9)", function()
        local c = net:node { name = "c" }
        local packet = catch(a, b, { "for b" })[1]
        deliver(c, packet)
        deliver(a, packet)
        assert.same({}, net:find(c, "datagram"))
        assert.equal(mode == "pair" and 1 or 0, #net:find(a, "datagram"))
      end)
    end)
  end

  it("under the cluster's key are not taken from a run that has used its pair's (wire 5)", function()
    local early = catch(a, b, { "early" })[1]
    net:link(a, b)
    passes(b, a, "settle")
    passes(a, b, "settle")
    local count = #net:find(b, "datagram")
    deliver(b, early)
    assert.equal(count, #net:find(b, "datagram"))
    assert.equal(1, raw:counters(b).unknown_key)
  end)

  it("of another secret or another cluster are dropped (wire 8)", function()
    for _, options in ipairs { { name = "x", secret = stranger.generate() }, { name = "y", cluster = "other" } } do
      local other = net:node(options)
      local packet = catch(other, b, { "foreign" })[1]
      deliver(b, packet)
    end
    assert.same({}, net:find(b, "datagram"))
    assert.equal(2, raw:counters(b).bad_seal)
  end)

  it("that are random bytes of any length up to 65507 are dropped (wire 1, 2, 3)", function()
    local seed = os.time()
    math.randomseed(seed)
    for _, len in ipairs { 0, 1, 36, 37, 53, 65, 1500, 9000, 65507 } do
      local bytes = {}
      for i = 1, len do bytes[i] = string.char(math.random(0, 255)) end
      for _, kind in ipairs { "", "\x11", "\x12" } do
        deliver(b, (kind .. table.concat(bytes)):sub(1, 65507))
      end
    end
    assert.same({}, net:find(b, "datagram"), "seed " .. seed)
    passes(a, b, "still here", raw:address(b))
  end)
end)

describe("the counter of a key", function()
  it("is used up once and never begins again (wire 7)", function()
    assert.same({ 4, 4, fixture.LIMIT, fixture.LIMIT }, stranger.last_counters())
  end)
end)

describe("the replay window", function()
  local function takes(...) return stranger.window { ... } end

  it("takes each counter once and forgets what is older than 1024", function()
    assert.same({ true, false, true, true, false }, takes(1, 1, 3, 2, 2))
    assert.same({ false }, takes(0))
    assert.same({ true, true, false, true, false }, takes(5000, 3977, 3976, 5001, 3977))
    assert.same({ true, true, true, false, true }, takes(1, 1024, 1025, 1, 2))
    assert.same({ true, true, false, true }, takes(10, 1 << 40, 10, (1 << 40) - 1023))
  end)

  it("agrees with a plain set over random counters", function()
    local seed = os.time()
    math.randomseed(seed)
    for _ = 1, 50 do
      local counters, expected, seen, top = {}, {}, {}, 0
      for i = 1, 400 do
        local counter = math.max(1, top + math.random(-1100, math.random(1, 1100)))
        counters[i] = counter
        expected[i] = not seen[counter] and counter > top - 1024
        if expected[i] then
          seen[counter] = true
          top = math.max(top, counter)
        end
      end
      assert.same(expected, stranger.window(counters), "seed " .. seed)
    end
  end)
end)
