-- The environment of the machine, over loopback and real files.
local env = require "luahub_test.env"
local machine = require "luahub_test.env_machine"

describe("env on the machine", function()
  local e
  local directories = {}

  before_each(function() e = env.uv() end)
  after_each(function()
    e:free()
    for _, path in ipairs(directories) do os.execute(("rm -r '%s'"):format(path)) end
    directories = {}
  end)

  local function directory()
    table.insert(directories, machine.directory())
    return directories[#directories]
  end

  -- Runs until something calls stop; a spec that never does ends by this deadline, as a failure.
  local function run()
    local late = false
    local guard = e:timer(function() late = true; e:stop() end):after(10000)
    e:run()
    guard:free()
    assert.is_false(late, "nothing stopped the loop within 10 s")
  end

  describe("addresses", function()
    it("are read and written in one form", function()
      for _, text in ipairs { "127.0.0.1:7101", "[::1]:7101", "0.0.0.0:0", "[fe80::1]:65535" } do
        assert.equal(text, (machine.addr(text)))
      end
      for _, text in ipairs { "", "localhost:1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
        "[127.0.0.1]:1", "127.0.0.1:1x", ("1"):rep(100) .. ":1" } do
        assert.is_nil(machine.addr(text), text)
      end
      assert.is_true(select(2, machine.addr "[::]:1"))
      assert.is_true(machine.same_addr("127.0.0.1:1", "127.0.0.1:1"))
      assert.is_false(machine.same_addr("127.0.0.1:1", "127.0.0.1:2"))
      assert.is_false(machine.same_addr("127.0.0.1:1", "[::1]:1"))
    end)
  end)

  describe("timers", function()
    it("run in the order of their deadlines, equal ones in the order they were set", function()
      local order = {}
      local now = e:now()
      local function note(name) return function() order[#order + 1] = name end end
      e:timer(note "late"):set(now + 20)
      e:timer(note "first"):set(now + 10)
      e:timer(note "second"):set(now + 10)
      e:timer(note "past"):set(now - 5)
      e:timer(note "never"):set(now + 5):after(nil)
      e:timer(function() e:stop() end):set(now + 30)
      run()
      assert.same({ "past", "first", "second", "late" }, order)
    end)

    it("are not early, may move, and may free themselves", function()
      local due = e:now() + 15
      local timer, ran_at
      timer = e:timer(function(now)
        ran_at = now
        timer:free()
        e:stop()
      end)
      timer:set(due + 60000):set(due)
      run()
      assert.is_true(ran_at >= due)
    end)

    it("run after a packet that came while the process was stopped over the deadline", function()
      local order
      for _ = 1, 5 do
        order = machine.stopped()
        if order then break end
      end
      assert.equal("rst", order)
    end)
  end)

  describe("posts", function()
    it("run in the order of the calls, before timers that are due", function()
      local order = {}
      e:timer(function()
        order[#order + 1] = "timer"
        e:stop()
      end):set(e:now())
      for n = 1, 3 do e:post(function() order[#order + 1] = n end) end
      run()
      assert.same({ 1, 2, 3, "timer" }, order)
    end)

    it("keep each thread's order when several post at once", function()
      assert.is_true(machine.storm(e:pointer()))
    end)

    it("run when they were accepted, and are refused after the loop ended", function()
      local ran = 0
      e:post(function()
        e:stop()
        e:post(function() ran = ran + 1 end)
      end)
      e:run()
      assert.equal(1, ran)
      assert.equal("closed", e:post(function() ran = ran + 1 end))
    end)
  end)

  describe("streams", function()
    -- Listens, dials, and answers both ends: server's handlers by `accept`.
    local function pair(address, accept, handlers)
      local listener = assert(e:listen(address, accept))
      return e:dial(address:sub(1, 1) == "/" and address or listener:addr(), handlers), listener
    end

    it("carry bytes both ways and end with the end of file", function()
      local got, reason = "", nil
      local client
      client = pair("127.0.0.1:0", function(stream)
        assert.equal(-1, stream:uid())
        stream:handle { data = function(data)
          stream:send(data:upper())
          stream:close()
        end }
      end, {
        connected = function() client:send "hello" end,
        data = function(data) got = got .. data end,
        closed = function(code, text)
          reason = { code, text }
          client:close()
          e:stop()
        end,
      })
      run()
      assert.equal("HELLO", got)
      assert.same({ "closed", "end of file" }, reason)
    end)

    it("report a refusal apart from other failures", function()
      local closed = {}
      local function dial(to)
        e:dial(to, { closed = function(code, text)
          closed[#closed + 1] = { to, code, text }
          if #closed == 3 then e:stop() end
        end })
      end
      local listener = assert(e:listen("127.0.0.1:0", function() end))
      local address = listener:addr()
      listener:close()
      dial(address)
      dial "/nowhere/there"
      dial("/" .. ("x"):rep(200))
      run()
      table.sort(closed, function(a, b) return a[2] < b[2] end)
      assert.same({ address, "closed", "connection refused" }, closed[1])
      assert.equal("io", closed[2][2])
      assert.same({ "/nowhere/there", "not_found", "no such file or directory" }, closed[3])
    end)

    it("take bytes from another thread as fast as the other end reads them", function()
      local bytes = 20 * 1024 * 1024
      assert.equal(bytes, machine.flood(e:pointer(), bytes))
    end)

    it("hold back a writer while the reader is paused, and tell it when there is room", function()
      local client, server
      local sent, received = 0, 0
      local block = ("x"):rep(65536)
      local function fill()
        local taken = client:send(block)
        while taken > 0 do
          sent = sent + taken
          taken = client:send(block)
        end
      end
      client = pair("127.0.0.1:0", function(stream)
        server = stream
        stream:pause(true)
        stream:handle { data = function(data)
          received = received + #data
          if received == sent then e:stop() end
        end }
        fill()
        client:want_write()
        stream:pause(false)
      end, { writable = function() client:close() end })
      run()
      assert.is_true(sent > 0)
      assert.equal(sent, received)
      server:close()
    end)

    it("may be closed inside each of their callbacks", function()
      local left = 4
      local function done()
        left = left - 1
        if left == 0 then e:stop() end
      end
      local function dial(name, address)
        local stream
        stream = e:dial(address, {
          connected = function()
            if name == "writable" then stream:want_write() end
            if name == "connected" then stream:close(); done() end
          end,
          data = function() if name == "data" then stream:close(); done() end end,
          writable = function() if name == "writable" then stream:close(); done() end end,
          closed = function() if name == "closed" then stream:close(); done() end end,
        })
      end
      local listener = assert(e:listen("127.0.0.1:0", function(stream) stream:send "hello" end))
      for _, name in ipairs { "connected", "data", "writable" } do dial(name, listener:addr()) end
      dial("closed", "/nowhere")
      run()
      assert.equal(0, left)
    end)

    it("are accepted and closed when no descriptor is left", function()
      local accepted = 0
      local listener = assert(e:listen("127.0.0.1:0", function(stream)
        accepted = accepted + 1
        stream:close()
        e:stop()
      end))
      local first = machine.connect(listener:addr())
      local second = machine.connect(listener:addr())
      assert.is_true(machine.take_descriptors())
      local timer = e:timer(function() e:stop() end):after(50)
      e:run()
      machine.return_descriptors()
      assert.equal(0, accepted)
      assert.is_true(machine.was_closed(first))
      assert.is_true(machine.was_closed(second))
      timer:free()
      local third = machine.connect(listener:addr())
      run()
      assert.equal(1, accepted)
      assert.is_true(machine.was_closed(third))
    end)
  end)

  describe("listeners", function()
    it("pick a port, and say why an address cannot be had", function()
      local listener = assert(e:listen("127.0.0.1:0", function() end))
      assert.is_truthy(listener:addr():match "^127%.0%.0%.1:[1-9]%d*$")
      local none, code, text = e:listen(listener:addr(), function() end)
      assert.is_nil(none)
      assert.equal("exists", code)
      assert.equal("cannot listen on " .. listener:addr() .. ": address already in use", text)
    end)

    it("on a unix socket serve their owner only, and know who calls", function()
      local path = directory() .. "/made/control.sock"
      local client, uid
      local listener = assert(e:listen(path, function(stream)
        uid = stream:uid()
        stream:close()
      end))
      assert.equal(tonumber("600", 8), machine.mode(path))
      assert.equal(tonumber("700", 8), machine.mode(path:match "(.*)/"))
      client = e:dial(path, { closed = function()
        client:close()
        e:stop()
      end })
      run()
      assert.equal(machine.uid(), uid)
      local none, code = e:listen(path, function() end)
      assert.same({ nil, "exists" }, { none, code })
      listener:close()
      assert.is_nil(machine.mode(path))
    end)

    it("replace the socket of a dead process, but nothing else", function()
      local place = directory()
      assert.is_true(machine.leave_socket(place .. "/stale"))
      assert(e:listen(place .. "/stale", function() end)):close()
      assert(e:write(place .. "/file", "kept"))
      local none, code = e:listen(place .. "/file", function() end)
      assert.same({ nil, "exists" }, { none, code })
      assert.equal("kept", e:read(place .. "/file"))
      none, code = e:listen("/" .. ("x"):rep(200), function() end)
      assert.same({ nil, "invalid" }, { none, code })
    end)
  end)

  describe("datagrams", function()
    it("carry whole packets, from empty to the largest", function()
      local sizes, a = {}, nil
      local b = assert(e:dgram("127.0.0.1:0", function(from, data)
        assert.equal(a:addr(), from)
        sizes[#sizes + 1] = #data
        if #sizes == 3 then e:stop() end
      end))
      a = assert(e:dgram("127.0.0.1:0", function() end))
      for _, size in ipairs { 0, 1400, 65507 } do assert.equal("ok", a:send(b:addr(), ("x"):rep(size))) end
      assert.equal("limit", a:send(b:addr(), ("x"):rep(65508)))
      run()
      assert.same({ 0, 1400, 65507 }, sizes)
    end)

    it("go on after one was sent to nobody", function()
      local got
      local gone = assert(e:dgram("127.0.0.1:0", function() end))
      local nobody = gone:addr()
      gone:close()
      local dgram
      dgram = assert(e:dgram("127.0.0.1:0", function(_, data)
        got = data
        dgram:close()
        e:stop()
      end))
      for _ = 1, 3 do assert.equal("ok", dgram:send(nobody, "lost")) end
      dgram:send(dgram:addr(), "found")
      run()
      assert.equal("found", got)
    end)

    it("cannot have a port twice", function()
      local dgram = assert(e:dgram("127.0.0.1:0", function() end))
      local none, code = e:dgram(dgram:addr(), function() end)
      assert.same({ nil, "exists" }, { none, code })
    end)
  end)

  describe("names", function()
    it("answer numbers and localhost, never inside the call", function()
      local answers, inside = {}, true
      local function answer(name)
        return function(code, list)
          assert.is_false(inside)
          answers[name] = { code, list[1] }
          if answers.v4 and answers.v6 and answers.name then e:stop() end
        end
      end
      e:resolve("192.0.2.7", 80, answer "v4")
      e:resolve("2001:db8::7", 80, answer "v6")
      e:resolve("localhost", 80, answer "name")
      inside = false
      run()
      assert.same({ "ok", "192.0.2.7:80" }, answers.v4)
      assert.same({ "ok", "[2001:db8::7]:80" }, answers.v6)
      assert.equal("ok", answers.name[1])
      assert.is_true(answers.name[2] == "127.0.0.1:80" or answers.name[2] == "[::1]:80")
    end)

    it("that are still asked for when the environment ends get no answer", function()
      e:resolve("name.invalid", 80, function() end)
    end)
  end)

  describe("files", function()
    it("are written whole and read up to a limit", function()
      local path = directory() .. "/epoch"
      assert.is_true(e:write(path, "one"))
      assert.is_true(e:write(path, "two\0three", tonumber("640", 8)))
      assert.equal("two\0three", e:read(path))
      assert.equal("two\0three", e:read(path, 9))
      assert.equal(tonumber("640", 8), machine.mode(path))
      assert.is_nil(machine.mode(path .. ".new"))
      assert.same({ n = 3, nil, "limit", path .. " is larger than 8 bytes" }, table.pack(e:read(path, 8)))
      local none, code = e:read(path .. "x")
      assert.same({ nil, "not_found" }, { none, code })
      none, code = e:write("/nowhere/at/all", "x")
      assert.same({ nil, "not_found" }, { none, code })
    end)
  end)

  it("hands signals to the loop", function()
    local SIGUSR2, got = 12, nil
    e:on_signal(SIGUSR2, function(number)
      got = number
      e:stop()
    end)
    e:post(function() machine.signal(SIGUSR2) end)
    run()
    assert.equal(SIGUSR2, got)
  end)

  it("tells of a callback that kept the loop, before the timers that came due meanwhile", function()
    local order = {}
    e:on_stall(function(_, gap) order[#order + 1] = gap >= 250 and "stall" or gap end)
    e:timer(function()
      local now = e:now()
      e:timer(function()
        order[#order + 1] = "timer"
        e:stop()
      end):set(now + 100)
      while e:now() < now + 300 do end
    end):after(0)
    run()
    assert.same({ "stall", "timer" }, order)
  end)

  it("is never twice the same by chance", function()
    assert.are_not.equal(e:random(), e:random())
  end)
end)
