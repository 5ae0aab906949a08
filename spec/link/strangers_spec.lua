local stranger = require "luahub_test.link_stranger"
local client_hello = require "luahub_test.link_client_hello"
local certificate = require "luahub_test.link_certificate"
local fixture = dofile "spec/link/fixture.lua"

local LINK_LANE, FIRST, LAST, WHOLE = 3, 1, 2, 3
local HELLO, WELCOME = 1, 2

describe("a node among strangers", function()
  local net, raw, to_b
  local a, b = 1, 2

  before_each(function()
    net = fixture.net("a", "b")
    raw = net.net
    to_b = net:link(a, b)
  end)
  after_each(function() net:close() end)

  -- The link that was there is still there and carries frames.
  local function assert_unharmed()
    local before = #net:find(b, "frame")
    assert.equal(fixture.OK, raw:send(a, to_b, "control", 9, "alive"))
    net:until_count(b, "frame", before + 1)
    assert.same({}, net:find(a, "down"))
    assert.same({}, net:find(b, "down"))
    assert.equal(1, #net:find(a, "up"))
    assert.equal(1, #net:find(b, "up"))
  end

  local function says(bytes)
    local fd = stranger.connect(raw:address(b))
    stranger.write(fd, bytes)
    return fd
  end

  for what, bytes in pairs {
    ["an HTTP request (wire 14)"] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ["random bytes"] = string.rep("\x8f\x03\x77\xe1", 500),
    ["a TLS client without the key (wire 15)"] = stranger.client_hello(),
    ["a record of length zero (wire 10)"] = "\x16\x03\x01\x00\x00",
  } do
    it("hangs up on " .. what, function()
      local fd = says(bytes)
      net:until_("a count", function() return raw:counters(b).handshake_failed == 1 end)
      assert.is_true(stranger.drain(fd))
      stranger.hang_up(fd)
      assert_unharmed()
    end)
  end

  it("hangs up on half a handshake when its time is over (wire 12)", function()
    local fd = says(stranger.client_hello():sub(1, 60))
    assert.is_true(stranger.drain(fd))
    stranger.hang_up(fd)
    net:until_("a count", function() return raw:counters(b).handshake_failed == 1 end)
    assert_unharmed()
  end)

  it("keeps at most 64 of 10,000 half-open connections and goes on (wire 13)", function()
    local held = {}
    for i = 1, 64 do held[i] = stranger.connect(raw:address(b)) end
    for _ = 65, 10000 do
      local fd = stranger.connect(raw:address(b))
      assert.is_true(stranger.drain(fd))
      stranger.hang_up(fd)
    end
    local turned_away = raw:counters(b).half_open_full
    assert.is_true(turned_away > 9000) -- 9,936, unless so slow that some of the 64 go when their time is over
    assert_unharmed()
    for _, fd in ipairs(held) do stranger.hang_up(fd) end
    net:until_("room again", function() return raw:counters(b).handshake_failed == 10000 - turned_away end)
    local c = net:node { name = "c" }
    net:link(c, b)
  end)

  it("and a node with another secret do not link, either way", function()
    local other = net:node { name = "other", secret = stranger.generate() }
    raw:dial(other, raw:address(b))
    local failed = net:until_count(other, "dial_failed", 1)[1]
    assert.equal(fixture.STRANGER, failed.err)
    assert.matches("cluster's key", failed.text)
    raw:dial(a, raw:address(other))
    assert.equal(fixture.STRANGER, net:until_count(a, "dial_failed", 1)[1].err)
    assert_unharmed()
  end)

  it("and a node of another cluster with the same secret do not link", function()
    local other = net:node { name = "other", cluster = "staging" }
    raw:dial(other, raw:address(b))
    assert.equal(fixture.STRANGER, net:until_count(other, "dial_failed", 1)[1].err)
    assert_unharmed()
  end)

  -- A peer that holds the secret, and says what it is told to.
  local function speaker()
    local peer = assert(stranger.speak(raw:address(b), fixture.secret))
    assert.equal(HELLO, assert(peer:listen()):byte(1))
    return peer
  end

  it("names both ranges to a peer without a common version (wire 32)", function()
    local peer = speaker()
    peer:say(HELLO, LINK_LANE, WHOLE, peer:hello { min = 7, max = 9 })
    assert.matches("speaks 1 to 1, the dialling one 7 to 9", peer:listen())
    peer:hang_up()
    assert.equal(1, raw:counters(b).refused)
    assert_unharmed()
  end)

  it("reads the version of a HELLO whose other fields it does not know", function()
    local peer = speaker()
    peer:say(HELLO, LINK_LANE, WHOLE, "\x93\x05\x06\xc0")
    assert.matches("the dialling one 5 to 6", peer:listen())
    peer:hang_up()
    assert_unharmed()
  end)

  it("takes a HELLO with fields that are added later (wire 34)", function()
    local peer = speaker()
    local body = peer:hello {}
    peer:say(HELLO, LINK_LANE, WHOLE, string.char(body:byte(1) + 1) .. body:sub(2) .. "\xa5later")
    peer:say(WELCOME, LINK_LANE, WHOLE, "\x91\x00")
    assert.equal(WELCOME, peer:listen():byte(1))
    net:until_count(b, "up", 2)
    peer:hang_up()
    net:until_count(b, "down", 1)
  end)

  -- What b says to the HELLO that hello(peer, another peer) makes.
  local function refused(hello)
    local peer, other = speaker(), speaker()
    peer:say(HELLO, LINK_LANE, WHOLE, hello(peer, other))
    local answer = peer:listen()
    peer:hang_up()
    other:hang_up()
    assert.matches("does not hold the key of the id that it names", answer)
    assert.equal(1, raw:counters(b).refused)
    assert_unharmed()
  end

  it("takes no peer for a node whose key it does not hold", function()
    refused(function(peer) return peer:hello { id = ("\xff"):rep(16) } end)
  end)

  it("takes no proof that was made for another connection", function()
    refused(function(_, other) return other:hello {} end)
  end)

  local function up()
    local peer = speaker()
    peer:say(HELLO, LINK_LANE, WHOLE, peer:hello {})
    peer:say(WELCOME, LINK_LANE, WHOLE, "\x91\x00")
    assert.equal(WELCOME, peer:listen():byte(1))
    return peer
  end

  local breaches = {
    ["a frame before the link is up"] = function(peer) peer:say(1, 0, WHOLE, "x") end,
    ["WELCOME before HELLO"] = function(peer) peer:say(WELCOME, LINK_LANE, WHOLE, "\x91\x00") end,
    ["half a HELLO"] = function(peer) peer:say(HELLO, LINK_LANE, WHOLE, peer:hello({}):sub(1, 40)) end,
    ["a HELLO with bytes left over"] = function(peer) peer:say(HELLO, LINK_LANE, WHOLE, peer:hello {} .. "x") end,
    ["an unknown word (wire 33)"] = function(peer) peer:say(99, LINK_LANE, WHOLE, "") end,
    ["a continued frame that never began (wire 17)"] = function(peer) peer:say(1, 2, LAST, "x") end,
    ["an unknown flag"] = function(peer) peer:say(1, 2, 16 + WHOLE, "x") end,
    ["a piece that is longer than its record"] = function(peer) peer:record("\1\11\0\5four") end,
    ["a record too short for a piece"] = function(peer) peer:record("\1\11\0") end,
    ["words of the link without an end"] = function(peer)
      for i = 1, 3 do peer:say(HELLO, LINK_LANE, i == 1 and FIRST or 0, string.rep("x", 16000)) end
    end,
  }
  for what, breach in pairs(breaches) do
    it("closes on " .. what, function()
      local peer = speaker()
      breach(peer)
      assert.is_nil(peer:listen())
      peer:hang_up()
      local counters = raw:counters(b)
      assert.equal(1, counters.malformed + counters.too_big)
      assert_unharmed()
    end)
  end

  local later = {
    ["a second HELLO"] = function(peer) peer:say(HELLO, LINK_LANE, WHOLE, peer:hello {}) end,
    ["a frame that begins within another (wire 19)"] = function(peer)
      peer:say(1, 2, FIRST, "x")
      peer:say(1, 2, FIRST, "x")
    end,
    ["a frame that changes its type"] = function(peer)
      peer:say(1, 2, FIRST, "x")
      peer:say(2, 2, LAST, "x")
    end,
    ["an empty chunk of an unfinished frame"] = function(peer)
      peer:say(1, 1, FIRST, "x")
      peer:say(1, 1, 0, "")
    end,
    ["a frame above 16 MiB (wire 16)"] = function(peer)
      for i = 1, 1100 do peer:say(1, 2, i == 1 and FIRST or 0, string.rep("x", 16000)) end
    end,
  }
  for what, breach in pairs(later) do
    it("closes a link on " .. what .. ", and that one only", function()
      local peer = up()
      breach(peer)
      assert.is_nil(peer:listen())
      peer:hang_up()
      assert.equal(2, #net:until_count(b, "up", 2))
      net:until_count(b, "down", 1)
      local counters = raw:counters(b)
      assert.equal(1, counters.malformed + counters.too_big)
      assert.equal(fixture.OK, raw:send(a, to_b, "control", 9, "alive"))
      net:until_count(b, "frame", 1)
      assert.is_true(raw:is_up(a, to_b))
    end)
  end

  it("takes the frames of one record in their order, and what comes before a breach", function()
    local peer = up()
    peer:record("\4\11\0\3one\4\3\0\0\4\11\0\5three")
    local frames = net:until_count(b, "frame", 3)
    assert.same({ "one", "", "three" }, { frames[1].body, frames[2].body, frames[3].body })
    peer:record("\4\11\0\4last\4\11\0\5four")
    assert.equal("last", net:until_count(b, "frame", 4)[4].body)
    net:until_count(b, "down", 1)
    assert.equal(1, raw:counters(b).malformed)
    peer:hang_up()
  end)

  it("closes a link whose frame is never finished (wire 18)", function()
    local c = net:node { name = "c", partial_ms = 300 }
    local peer = assert(stranger.speak(raw:address(c), fixture.secret))
    assert.equal(HELLO, assert(peer:listen()):byte(1))
    peer:say(HELLO, LINK_LANE, WHOLE, peer:hello {})
    peer:say(WELCOME, LINK_LANE, WHOLE, "\x91\x00")
    assert.equal(WELCOME, peer:listen():byte(1))
    peer:say(1, 2, FIRST, "never the rest")
    assert.is_nil(peer:listen())
    peer:hang_up()
    assert.matches("unfinished frame", net:until_count(c, "down", 1)[1].text)
    assert.equal(1, raw:counters(c).malformed)
    assert_unharmed()
  end)

  it("hangs up on a greeting that is too large", function()
    local peer = speaker()
    peer:say(HELLO, LINK_LANE, FIRST, peer:hello({ greeting = ("x"):rep(16385) }):sub(1, 16000))
    peer:say(HELLO, LINK_LANE, LAST, peer:hello({ greeting = ("x"):rep(16385) }):sub(16001))
    assert.is_nil(peer:listen())
    peer:hang_up()
    assert.equal(1, raw:counters(b).malformed)
    assert_unharmed()
  end)

  it("passes over words that may be ignored (wire 33)", function()
    local peer = up()
    peer:say(0x80 + 5, LINK_LANE, WHOLE, "whatever")
    peer:say(4, 0, WHOLE, "heard")
    assert.equal("heard", net:until_count(b, "frame", 1)[1].body)
    peer:hang_up()
  end)

  -- The type of the first record that answers a first flight and nonsense after it: 22 goes on with the handshake,
  -- 21 is an alert.
  local function answered(share)
    local fd = says(assert(client_hello(fixture.secret, share)) .. "\x17\x03\x03\x00\x01x")
    local closed, bytes = stranger.drain(fd)
    stranger.hang_up(fd)
    return closed and bytes:byte(1)
  end

  it("takes no key share of zeros, also from who holds the secret (wire 36)", function()
    assert.equal(22, answered(nil))
    assert.equal(21, answered(("\0"):rep(32)))
    net:until_("a count", function() return raw:counters(b).handshake_failed == 2 end)
    assert_unharmed()
  end)

  it("believes no certificate, an expired one neither (wire 38)", function()
    local listener, address = certificate.listen()
    raw:dial(a, address)
    assert.is_false((certificate.serve(listener)))
    local failed = net:until_count(a, "dial_failed", 1)[1]
    assert.equal(fixture.STRANGER, failed.err)
    assert.matches("no TLS with the cluster's key: certificate verify failed", failed.text)
    assert_unharmed()
  end)

  it("makes no link over a line that changes a byte of what the dialler says (wire 35)", function()
    local first = #client_hello(fixture.secret) -- the second flight is FINISHED in 74 bytes, and HELLO
    for what, at in pairs {
      ["the kind of the first message"] = 5, ["its version"] = 9, ["its random bytes"] = 11,
      ["its proof"] = first - 1, ["FINISHED"] = first + 20, ["HELLO"] = first + 74 + 20,
    } do
      local tap = stranger.tap(raw:address(b), at)
      local c = net:node { name = "c" }
      raw:dial(c, tap:address())
      net:until_count(c, "dial_failed", 1)
      assert.same({}, net:find(c, "up"), what)
      tap:close()
    end
    assert_unharmed()
  end)

  it("shows an eavesdropper nothing of what it says", function()
    local c = net:node { name = "c" }
    local tap = stranger.tap(raw:address(b))
    raw:greeting(c, "the greeting of c")
    raw:dial(c, tap:address())
    net:until_count(c, "up", 1)
    local marker = "a secret between c and b "
    assert.equal(fixture.OK, raw:send(c, raw:peer(c, b), "data", 1, marker:rep(1000)))
    assert.equal(fixture.OK, raw:send(c, raw:peer(c, b), "control", 1, marker))
    net:until_count(b, "frame", 2)
    local seen = tap:bytes()
    assert.is_true(#seen > 1000 * #marker)
    for _, clear in ipairs { marker, "greeting", raw:id(c), raw:id(b) } do
      assert.is_nil(seen:find(clear, 1, true))
    end
    net.net:free(c)
    tap:close()
  end)
end)
