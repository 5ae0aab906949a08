-- The fault plan (csrc/env/fault.h) in one environment that listens at two addresses: it is the node at the later one,
-- `near`, and dials the earlier one, `far`. Needs a build with failpoints: `make failpoints`.
local env = require("luahub_test.env")
local helper = require("spec_helper")
local machine = require("luahub_test.env_machine")

local VARIABLE = "LUAHUB_FAULT_PLAN"

describe("A fault plan", function()
  local e, path, remove
  local near, far, client, server, events

  local function note(text)
    events[#events + 1] = text
  end

  -- One way that is cut, or none.
  local function plan(from, to)
    helper.write_file(path .. ".new", from and ("cut %s %s\n"):format(from, to) or "")
    assert(os.rename(path .. ".new", path))
  end

  -- Timers run in the order of their deadlines, and the environment's own, which looks at the plan, comes before.
  local function once_in_force(body)
    e:timer(body):after(100)
  end

  local function accept(stream)
    server = stream
    note("accepted")
    stream:handle({
      data = function(data)
        note("far got " .. data)
        if data == "stop" then e:stop() end
      end,
      closed = function()
        note("far was closed")
        e:stop()
      end,
    })
  end

  local function dial(handlers)
    client = e:dial(far, handlers)
    return client
  end

  local function run()
    local late = false
    e:timer(function()
      late = true
      e:stop()
    end):after(30000)
    e:run()
    assert.is_false(late, "nothing stopped the loop within 30 s: " .. table.concat(events, ", "))
  end

  before_each(function()
    local directory
    directory, remove = helper.temporary_directory()
    path, events = directory .. "/plan", {}
    plan()
    machine.set_variable(VARIABLE, path)
    e = env.uv()
    machine.set_variable(VARIABLE)
    far = assert(e:listen("127.0.0.1:0", accept)):addr()
    near = assert(e:listen("127.0.0.1:0", accept)):addr()
  end)

  after_each(function()
    e:free()
    remove()
  end)

  it("holds what is sent the way that is cut until it is healed, and the other way goes on", function()
    dial({
      connected = function()
        plan(near, far)
        once_in_force(function()
          note("taken: " .. client:send("too early"))
          client:want_write()
          server:send("news")
        end)
      end,
      data = function(data)
        note("near got " .. data)
        plan()
      end,
      writable = function()
        note("writable")
        client:send("stop")
      end,
    })
    run()
    assert.same({ "accepted", "taken: 0", "near got news", "writable", "far got stop" }, events)
  end)

  it("holds what comes the way that is cut, and the end of the stream behind it", function()
    dial({
      connected = function()
        plan(far, near)
        once_in_force(function()
          client:send("question")
          server:send("answer")
          once_in_force(function()
            server:close()
            note("healed")
            plan()
          end)
        end)
      end,
      data = function(data) note("near got " .. data) end,
      closed = function(_, reason)
        note(reason)
        e:stop()
      end,
    })
    run()
    assert.same({ "accepted", "far got question", "healed", "near got answer", "end of file" }, events)
  end)

  it("holds back that the other end has reset the stream", function()
    dial({
      connected = function()
        plan(far, near)
        once_in_force(function()
          server:close()
          client:send("to nobody")
          client:want_write()
          once_in_force(function()
            note("healed")
            plan()
          end)
        end)
      end,
      writable = function() note("writable") end,
      closed = function(code)
        note(code)
        client:close()
        e:stop()
      end,
    })
    run()
    assert.same({ "accepted", "healed", "closed" }, events)
  end)

  it("holds the end of a stream that its dialler closes", function()
    dial({
      connected = function()
        plan(near, far)
        once_in_force(function()
          client:close()
          once_in_force(function()
            note("healed")
            plan()
          end)
        end)
      end,
    })
    run()
    assert.same({ "accepted", "healed", "far was closed" }, events)
  end)

  for _, way in ipairs({ "there", "back" }) do
    it("lets no dial come through while the way " .. way .. " is cut", function()
      local from, to = near, far
      if way == "back" then from, to = to, from end
      plan(from, to)
      once_in_force(function()
        dial({ connected = function() e:stop() end })
        once_in_force(function()
          note("healed")
          plan()
        end)
      end)
      run()
      assert.equal("healed", events[1])
    end)
  end

  it("lets streams be closed, and the environment end, whatever it holds", function()
    dial({
      connected = function()
        plan(near, far)
        once_in_force(function()
          client:close() -- kept
          dial({}):close() -- waited
          dial({}) -- waits on
          e:stop()
        end)
      end,
    })
    run()
    assert.same({ "accepted" }, events)
  end)

  it("loses datagrams the way that is cut, and no others", function()
    local one, other
    other = assert(e:dgram("127.0.0.1:0", function(_, data)
      note("other got " .. data)
      e:stop()
    end))
    one = assert(e:dgram("127.0.0.1:0", function(_, data)
      note("one got " .. data)
      plan()
      once_in_force(function() one:send(other:addr(), "late") end)
    end))
    plan(one:addr(), other:addr())
    once_in_force(function()
      note(one:send(other:addr(), "early"))
      other:send(one:addr(), "back")
    end)
    run()
    assert.same({ "ok", "one got back", "other got late" }, events)
  end)
end)
