-- The simulated world: one seed, one history; and each fault does what it says.
local env = require "luahub_test.env"
local world = require "spec.env.world"

local A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"

describe("env in the simulator", function()
  local sim

  before_each(function() sim = env.sim(1) end)
  after_each(function() sim:free() end)

  -- A host that collects the datagrams it gets.
  local function ear(address, got)
    local host = sim:host(address)
    local dgram = assert(host:dgram(address .. ":7000", function(_, data)
      got[#got + 1] = data
    end))
    return host, dgram
  end

  describe("time", function()
    it("moves from event to event, timers in the order of their deadlines", function()
      local host = sim:host(A)
      local order = {}
      local start = sim:now()
      for _, at in ipairs { 30, 10, 20, 10 } do
        host:timer(function(now) order[#order + 1] = now - start end):after(at)
      end
      sim:run(15)
      assert.same({ 10, 10 }, order)
      assert.equal(start + 15, sim:now())
      sim:run(1000000)
      assert.same({ 10, 10, 20, 30 }, order)
      assert.equal(sim:now(), host:now())
      host:free()
    end)

    it("delivers before it runs posts, and posts before timers, of one time", function()
      sim:network { delay_min = 5, delay_max = 5 }
      local order = {}
      local a = sim:host(A)
      local b = sim:host(B)
      local sender = a:dgram(A .. ":7000", function() end)
      b:timer(function() order[#order + 1] = "timer" end):after(5)
      b:dgram(B .. ":7000", function()
        order[#order + 1] = "read"
        b:post(function() order[#order + 1] = "post" end)
      end)
      sender:send(B .. ":7000", "x")
      sim:run(5)
      assert.same({ "read", "post", "timer" }, order)
      a:free()
      b:free()
    end)
  end)

  describe("a seed", function()
    -- Three hosts that talk at random over a bad network, with a cut, a stall and a crash in between.
    local function history(seed)
      sim = env.sim(seed)
      sim:network { delay_min = 1, delay_max = 50, loss = 200000, duplicate = 100000 }
      local hosts, heard = {}, {}
      for _, address in ipairs { A, B, C } do
        local host = sim:host(address)
        hosts[address] = host
        local dgram = host:dgram(address .. ":7000", function(from, data) heard[#heard + 1] = from .. data end)
        host:listen(address .. ":7000", function(stream)
          stream:handle { data = function(data) stream:send(data) end }
        end)
        local timer
        timer = host:timer(function(now)
          for _, other in ipairs { A, B, C } do dgram:send(other .. ":7000", host:random():sub(1, 8)) end
          timer:set(now + 20)
        end):after(1)
        local stream
        stream = host:dial(B .. ":7000", {
          connected = function() stream:send(("echo"):rep(100)) end,
          data = function(data) heard[#heard + 1] = data end,
        })
      end
      sim:run(300)
      sim:cut(A, B, true)
      sim:stall(C, 400)
      sim:run(500)
      sim:cut(A, B, false)
      sim:crash(A, "killed")
      sim:run(500)
      local trace = sim:trace()
      for _, host in pairs(hosts) do host:free() end
      local said = table.concat(heard)
      return trace, said
    end

    it("replays one history, and another seed another", function()
      local traces = {}
      sim:free()
      for seed = 1, 5 do
        local trace, said = history(seed)
        sim:free()
        local again, said_again = history(seed)
        sim:free()
        assert.equal(trace, again, "seed " .. seed)
        assert.equal(said, said_again, "seed " .. seed)
        assert.is_nil(traces[trace], "seed " .. seed)
        traces[trace] = true
      end
      sim = env.sim(1)
    end)
  end)

  describe("datagrams", function()
    it("are lost, doubled and overtaken as often as the network says", function()
      sim:network { delay_min = 1, delay_max = 100, loss = 300000, duplicate = 200000 }
      local got = {}
      local a = sim:host(A)
      local b = ear(B, got)
      local sender = a:dgram(A .. ":7000", function() end)
      for n = 1, 1000 do sender:send(B .. ":7000", ("%04d"):format(n)) end
      sim:run(200)
      local seen, distinct, overtaken = {}, 0, 0
      for at, data in ipairs(got) do
        if not seen[data] then distinct = distinct + 1 end
        seen[data] = true
        if at > 1 and data < got[at - 1] then overtaken = overtaken + 1 end
      end
      assert.is_true(distinct > 600 and distinct < 800, "distinct " .. distinct)
      assert.is_true(#got - distinct > 80 and #got - distinct < 200, "doubled " .. #got - distinct)
      assert.is_true(overtaken > 50, "overtaken " .. overtaken)
      a:free()
      b:free()
    end)

    it("pass a cut in the direction that is open", function()
      local at_a, at_b = {}, {}
      local a, from_a = ear(A, at_a)
      local b, from_b = ear(B, at_b)
      sim:cut(A, B, true)
      from_a:send(B .. ":7000", "lost")
      from_b:send(A .. ":7000", "through")
      sim:run(10)
      assert.same({}, at_b)
      assert.same({ "through" }, at_a)
      sim:cut(A, B, false)
      from_a:send(B .. ":7000", "healed")
      sim:run(10)
      assert.same({ "healed" }, at_b)
      a:free()
      b:free()
    end)
  end)

  describe("streams", function()
    it("keep all bytes in order over a bad network, in pieces of any size", function()
      for seed = 1, 10 do
        sim:free()
        sim = env.sim(seed)
        sim:network { delay_min = 1, delay_max = 50, loss = 100000 }
        local a, b = sim:host(A), sim:host(B)
        local ends = world.connect(sim, a, b, B .. ":7000")
        sim:run(5000)
        assert.is_truthy(ends.client.connected, "seed " .. seed)
        local sent = {}
        for n = 1, 200 do
          sent[n] = ("%d,"):format(n)
          assert.equal(#sent[n], ends.client.stream:send(sent[n]))
        end
        ends.server.stream:send "answer"
        sim:run(60000)
        assert.equal(table.concat(sent), ends.server.data, "seed " .. seed)
        assert.equal("answer", ends.client.data, "seed " .. seed)
        ends.client.stream:close()
        sim:run(60000)
        assert.same({ "closed", "end of file" }, { ends.server.code, ends.server.text })
        a:free()
        b:free()
      end
    end)

    it("take one window while the other end does not read, and tell when there is room", function()
      local a, b = sim:host(A), sim:host(B)
      local ends = world.connect(sim, a, b, B .. ":7000")
      sim:run(20)
      ends.server.stream:pause(true)
      local block, sent = ("x"):rep(100 * 1024), 0
      repeat
        local taken = ends.client.stream:send(block)
        sent = sent + taken
      until taken == 0
      assert.equal(256 * 1024, sent)
      ends.client.stream:want_write()
      sim:run(1000)
      assert.is_nil(ends.client.writable)
      ends.server.stream:pause(false)
      sim:run(20)
      assert.is_true(ends.client.writable)
      assert.equal(sent, #ends.server.data)
      a:free()
      b:free()
    end)

    it("are refused where nothing listens, and time out where nobody is", function()
      local a, b = sim:host(A), sim:host(B)
      local ends = {}
      for _, to in ipairs { B .. ":9", C .. ":9", "/no/path" } do
        a:dial(to, { closed = function(code, text) ends[to] = { code, text } end })
      end
      sim:run(20000)
      assert.same({ "closed", "connection refused" }, ends[B .. ":9"])
      assert.same({ "timeout", "connection timed out" }, ends[C .. ":9"])
      assert.same({ "not_found", "no such file or directory" }, ends["/no/path"])
      a:free()
      b:free()
    end)

    it("stall in a cut and go on when it heals in time", function()
      local a, b = sim:host(A), sim:host(B)
      local ends = world.connect(sim, a, b, B .. ":7000")
      sim:run(20)
      sim:cut(A, B, true)
      ends.client.stream:send "held"
      sim:run(9000)
      assert.equal("", ends.server.data)
      sim:cut(A, B, false)
      sim:run(20)
      assert.equal("held", ends.server.data)
      assert.is_nil(ends.client.code)
      a:free()
      b:free()
    end)

    it("break at both ends in a cut that lasts", function()
      local a, b = sim:host(A), sim:host(B)
      local ends = world.connect(sim, a, b, B .. ":7000")
      sim:run(20)
      sim:cut(A, B, true)
      sim:run(10001)
      assert.equal("timeout", ends.client.code)
      assert.equal("timeout", ends.server.code)
      a:free()
      b:free()
    end)

    it("work inside a host, over loopback and unix paths", function()
      local a, b = sim:host(A), sim:host(B)
      local ends = world.connect(sim, a, a, "127.0.0.1:7000")
      local control = world.connect(sim, a, a, "/run/control")
      local refused
      b:dial(A .. ":7000", { closed = function(code) refused = code end })
      sim:run(20)
      assert.is_truthy(ends.client.connected)
      assert.is_truthy(control.client.connected)
      assert.equal(0, control.server.stream:uid())
      assert.equal("closed", refused)
      a:free()
      b:free()
    end)
  end)
end)
