-- Clients of a real node's control socket that vanish, flood, send half a line, or do not read.
local cluster = require("spec.cluster.helper")
local stranger = require("luahub_test.link_stranger")

-- A frame of the control socket: a length and one encoded map of texts.
local function frame(fields)
  local count, body = 0, ""
  local function text(value)
    return "\xdb" .. (">s4"):pack(value)
  end
  for key, value in pairs(fields) do
    count, body = count + 1, body .. text(key) .. text(value)
  end
  return (">s4"):pack(string.char(0x80 + count) .. body)
end

describe("A node's control socket", function()
  local world, node, fds

  setup(function()
    world = cluster.new()
    node = world:start("n1")
    node:start_children({ "quiet" })
  end)
  teardown(function()
    world:close()
  end)
  before_each(function()
    fds = {}
  end)

  -- Whatever a client did: the others are answered, the child was left alone, no session stays.
  after_each(function()
    for _, fd in ipairs(fds) do
      stranger.hang_up(fd)
    end
    assert.are.equal(0, node:eval([[return hub:call("quiet", "get")]]))
    assert.are.equal(1, world:starts().quiet)
    cluster.eventually("no session is left but ours", function()
      return node:eval("return luahub.counters().actor.heaps") <= 4
    end)
  end)

  local function counters()
    return node:eval("return luahub.counters().node")
  end

  local function connect()
    local fd = stranger.connect(world.directory .. "/run/n1.sock")
    assert.is_true(fd >= 0)
    fds[#fds + 1] = fd
    return fd
  end

  it("survives clients that vanish at once, in a request, or while their chunk runs", function()
    for _, words in ipairs({
      "", "\0\0", frame({ op = "eval", code = "return 1" }), frame({ op = "eval", code = "while true do end" }),
      frame({ op = "eval", code = "luahub.sleep(60000)" }), frame({ op = "attach" }),
    }) do
      for _ = 1, 10 do
        local fd = table.remove(fds) or connect()
        fds[#fds] = nil
        stranger.write(fd, words)
        stranger.hang_up(fd)
      end
    end
    cluster.eventually("the loops are over", function()
      return node:is_idle()
    end)
  end)

  it("hangs up on a client that sends half a line, and says so", function()
    local before = counters().control_cut
    local half = connect()
    stranger.write(half, frame({ op = "eval", code = "return 1" }):sub(1, 20))
    local silent = connect()
    local closed, words = stranger.drain(half)
    assert.is_true(closed)
    assert.matches("the request was not finished in its time", words, 1, true)
    assert.is_true((stranger.drain(silent)))
    assert.are.equal(before + 2, counters().control_cut)
  end)

  for what, words in pairs({
    ["that is no map"] = (">s4"):pack("\x01"),
    ["of random bytes"] = (">s4"):pack(("\xc1\x8f\x03\x77"):rep(50)),
    ["of length 0"] = "\0\0\0\0",
    ["with bytes left over"] = (">s4"):pack("\x80\x01"),
  }) do
    it("refuses a request " .. what, function()
      local fd = connect()
      stranger.write(fd, words)
      local closed, answer = stranger.drain(fd)
      assert.is_true(closed)
      assert.matches("expected a frame with one map", answer, 1, true)
    end)
  end

  it("refuses a request that is too large, before it is there", function()
    local before = counters().control_cut
    local fd = connect()
    stranger.write(fd, "\x01\0\0\1xxxx")
    local closed, answer = stranger.drain(fd)
    assert.is_true(closed)
    assert.matches("the frame is larger than 16 MiB", answer, 1, true)
    assert.are.equal(before + 1, counters().control_cut)
  end)

  it("answers others while a client floods it", function()
    local fd = connect()
    stranger.write(fd, frame({ op = "attach" }))
    stranger.write(fd, frame({ op = "line", code = "luahub.sleep(60000)" }))
    local lines = frame({ op = "line", code = "return 1" }):rep(1000)
    for _ = 1, 50 do
      assert.is_true(stranger.write(fd, lines))
    end
    assert.are.equal(3, node:eval("return 1 + 2"))
  end)

  it("turns away more clients than it has places for", function()
    local before = counters().control_refused
    for _ = 1, 64 do
      connect()
    end
    local closed = stranger.drain(connect())
    assert.is_true(closed)
    for _ = 1, #fds do
      stranger.hang_up(table.remove(fds))
    end
    cluster.eventually("there is a place again", function()
      local ok, value = node:try("return luahub.counters().node.control_refused")
      return ok and value > before
    end)
  end)

  it("keeps no more than it should for a client that does not read", function()
    local fd = connect()
    stranger.write(fd, frame({ op = "eval", code = [[
      local text = ("x"):rep(250000)
      for _ = 1, 400 do
        print(text)
      end]] }))
    local before = counters().requests_failed
    cluster.eventually("it is refused to print more", function()
      return counters().requests_failed > before
    end)
  end)
end)
