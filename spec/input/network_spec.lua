-- What strangers, and peers that break the rules, may send to the port of a real node.
local cluster = require("spec.cluster.helper")
local stranger = require("luahub_test.link_stranger")
local tool = require("spec.cluster.tool")

local LINK_LANE, WHOLE = 3, 3
local HELLO = 1

describe("The port of a node", function()
  local world, n1, n2, ids, before
  local random = assert(io.open("/dev/urandom", "rb"))

  setup(function()
    world = cluster.new()
    n1 = world:start("n1")
    n2 = world:start("n2", { join = { n1 } })
    ids = cluster.ids("c", 10)
    n1:start_children(ids)
    before = world:settled({ n1, n2 }, ids)
  end)
  teardown(function()
    assert.are.same({ 0, 0 }, { n1:leave(), n2:leave() })
    world:close()
  end)

  local function counters(room)
    return n1:eval(("return luahub.counters().%s"):format(room or "link"))
  end

  -- Nobody else was disturbed: no link was lost, nobody suspected, no child moved or started again.
  after_each(function()
    assert.are.same(before, world:settled({ n1, n2 }, ids))
    for _, node in ipairs({ n1, n2 }) do
      local member = node:eval("return luahub.counters().member")
      assert.are.same({ 0, 0 }, { member.suspicions, member.deaths })
      assert.is_nil(node:output():find("the link to n", 1, true))
    end
    for _, count in pairs(world:starts()) do
      assert.are.equal(1, count)
    end
  end)

  it("drops and counts datagrams of random bytes, from none to 65,507", function()
    local was = counters()
    local sizes = { 0, 1, 2, 16, 17, 33, 57, 100, 1199, 1200, 1273, 1274, 1500, 9000, 65507 }
    for _, size in ipairs(sizes) do
      stranger.packet(n1.address, size > 0 and random:read(size) or "")
    end
    local function dropped()
      local now = counters()
      local sum = 0
      for _, name in ipairs({ "bad_seal", "replayed", "unknown_key", "malformed", "too_big" }) do
        sum = sum + now[name] - was[name]
      end
      return sum
    end
    cluster.eventually("all are counted", function()
      return dropped() >= #sizes, dropped()
    end)
  end)

  for what, bytes in pairs({
    ["an HTTP request"] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ["a TLS client that has no key"] = stranger.client_hello(),
    ["random bytes"] = random:read(4000),
    ["a record of length 0"] = "\x16\x03\x01\x00\x00",
    ["a record of 65,535 bytes and then silence"] = "\x16\x03\x01\xff\xff" .. ("x"):rep(100),
  }) do
    it("hangs up on " .. what .. ", with a line in the log", function()
      local was = counters().handshake_failed
      local fd = stranger.connect(n1.address)
      stranger.write(fd, bytes)
      assert.is_true((stranger.drain(fd)))
      stranger.hang_up(fd)
      cluster.eventually("it is counted", function()
        return counters().handshake_failed == was + 1
      end)
      cluster.eventually("strangers are spoken of, at most once a second", function()
        return n1:output():find("warn  n1 link: connection with 127.0.0.1:%d+ ended: ")
      end)
    end)
  end

  it("has room for its peers while strangers hold half-open connections", function()
    local was = counters().half_open_full
    local fds = {}
    for i = 1, 100 do
      fds[i] = stranger.connect(n1.address)
    end
    cluster.eventually("those beyond the limit are closed", function()
      return counters().half_open_full >= was + 36
    end)
    assert.are.equal(0, n2:eval([[local sum = 0
      for i = 1, 10 do sum = sum + hub:call("c" .. i, "get") end
      return sum]]))
    for _, fd in ipairs(fds) do
      stranger.hang_up(fd)
    end
  end)

  -- Whoever holds the secret and speaks the link's words.
  local function speaker()
    local secret = tool.read(world.directory .. "/secret"):gsub("%s", "")
    local peer = assert(stranger.speak(n1.address, secret))
    assert.are.equal(HELLO, assert(peer:listen()):byte(1))
    return peer
  end

  it("refuses a peer of another protocol version, and says both ranges to it and to the log", function()
    local was = counters().refused
    local peer = speaker()
    peer:say(HELLO, LINK_LANE, WHOLE, peer:hello({ min = 7, max = 9 }))
    local text = "no common protocol version: the dialled node speaks 1 to 1, the dialling one 7 to 9"
    assert.is_truthy(peer:listen():find(text, 1, true))
    peer:hang_up()
    assert.are.equal(was + 1, counters().refused)
    cluster.eventually("the log has it", function()
      return n1:output():find(text, 1, true)
    end)
  end)

  it("L-27: refuses a peer whose record is not signed by its key", function()
    local was = counters().refused
    local peer = speaker()
    peer:say(HELLO, LINK_LANE, WHOLE, peer:hello({}))
    assert.is_truthy(peer:listen())
    peer:hang_up()
    assert.are.equal(was + 1, counters().refused)
  end)

  it("L-27: hangs up on a peer that says nonsense before it is let in", function()
    local was = counters().malformed
    local peer = speaker()
    peer:say(HELLO, LINK_LANE, WHOLE, ("\x91"):rep(10000))
    peer:listen()
    peer:hang_up()
    cluster.eventually("it is counted", function()
      return counters().malformed == was + 1
    end)
  end)
end)
