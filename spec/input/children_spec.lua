-- Children that misbehave, on a real node: one clear line, nothing lost, nobody else disturbed, a counter.
--
-- Tagged #notsan what fills a heap: under ThreadSanitizer that takes longer than a callback may.
local cluster = require("spec.cluster.helper")

describe("A node whose children misbehave", function()
  local world, node

  setup(function()
    world = cluster.new({ node = "heap_memory = 96, schedulers = 2" })
    node = world:start("n1")
    node:start_children({ "quiet1", "quiet2", "quiet3" })
  end)
  teardown(function()
    assert.are.equal(0, node:leave())
    world:close()
  end)

  -- The others are there, were never started again, and answer.
  after_each(function()
    node:eval([[return hub:stop_child("bad", { awaitable = true, timeout = 20000 }):await() and nil]])
    assert.are.same({ 0, 0, 0 }, node:eval([[
      return { hub:call("quiet1", "get"), hub:call("quiet2", "get"), hub:call("quiet3", "get") }]]))
    local starts = world:starts()
    assert.are.same({ 1, 1, 1 }, { starts.quiet1, starts.quiet2, starts.quiet3 })
  end)

  local function counters()
    return node:eval("return luahub.counters()")
  end

  -- Starts one child; answers "ok", or the code and the message of its error.
  local function start(id, start_text, more)
    local answer = node:eval(([[
      local spec = { id = %q, start = %s, %s }
      local future, err = hub:start_child(spec, { awaitable = true })
      if not future then return { err.code, err.message } end
      local result = assert(future:await())
      local e = result:errors()[1]
      return e and { e.code, e.message } or { result:status() }]]):format(id, start_text, more or ""))
    return table.unpack(answer)
  end

  local function call(id, request, ms)
    local answer = node:eval(([[
      local value, err = hub:call(%q, %q, %d)
      return value ~= nil and { value } or { false, err.code, err.message }]]):format(id, request, ms or 20000))
    return table.unpack(answer)
  end

  local function stop(id)
    assert.are.equal("ok", node:eval(([[
      return hub:stop_child(%q, { awaitable = true, timeout = 20000 }):await():status()]]):format(id)))
  end

  it("loops on a thread of its own is stopped when it is told to be", function()
    assert.are.equal("ok", start("bad", '{ "unruly" }', "dedicated = true, shutdown = 500, restart = 'temporary'"))
    node:eval([[return hub:cast("bad", "loop")]])
    cluster.eventually("it has begun", function()
      return counters().actor.preemptions > 0
    end)
    stop("bad")
    assert.is_true(node:eval([[return hub:get_pid("bad") == nil]]))
  end)

  for _, case in ipairs({
    { "raises", "raise", "raised as told" },
    { "raises what is no text", "raise_table", "(error object is a table value)" },
    { "refuses", "refuse", "init refused: refused as told" },
    { "returns nothing", "nothing",
      "init of module 'unruly' returned nothing (a table, or nil and a reason, expected)" },
    { "returns a number", "number",
      "init of module 'unruly' returned a number (a table, or nil and a reason, expected)" },
    { "loops for ever", "loop", "init did not end in its time" },
    { "waits for ever", "wait", "init did not end in its time" },
    { "allocates without end #notsan", "grow", "not enough memory: its heap may hold 96 MiB" },
    { "allocates small things without end #notsan", "grow_slowly", "not enough memory: its heap may hold 96 MiB" },
    { "recurses without end", "recurse", "stack overflow" },
    { "recurses without end through C", "recurse_in_c", "stack overflow" },
  }) do
    it("L-31: does not start one whose init " .. case[1], function()
      local before = counters().actor.start_failures
      local code, message = start("bad", ('{ "unruly", %q }'):format(case[2]))
      assert.are.equal("child_failed", code)
      assert.is_truthy(message:find(case[3], 1, true), message)
      assert.is_nil(message:find("\n"))
      assert.are.equal(before + 1, counters().actor.start_failures)
      assert.is_true(node:eval([[return hub:child_lookup("bad") == nil]]))
    end)
  end

  for _, case in ipairs({
    { "raises", "raise", "raised as told" },
    { "raises what is no text", "raise_table", "(error object is a table value)" },
    { "allocates without end #notsan", "grow", "not enough memory: its heap may hold 96 MiB" },
    { "allocates small things without end #notsan", "grow_slowly", "not enough memory: its heap may hold 96 MiB" },
    { "recurses without end", "recurse", "stack overflow" },
    { "recurses without end through C", "recurse_in_c", "stack overflow" },
  }) do
    for _, isolated in ipairs({ false, true }) do
      it(("L-23: ends and starts again one that %s in a callback%s"):format(case[1], isolated and ", isolated" or ""),
        function()
          local before = counters()
          assert.are.equal("ok", start("bad", '{ "unruly" }', "isolated = " .. tostring(isolated)))
          local value, code, message = call("bad", case[2])
          assert.is_false(value)
          assert.are.equal("crashed", code)
          assert.is_truthy(message:find(case[3], 1, true), message)
          assert.is_nil(message:find("\n"))
          assert.are.equal(1, call("bad", "anything"), "it runs again, with new state")
          local after = counters()
          assert.are.equal(before.actor.crashes + 1, after.actor.crashes)
          assert.are.equal(before.hub.restarted + 1, after.hub.restarted)
          if message:find("memory", 1, true) then
            assert.is_true(after.actor.memory_refused > before.actor.memory_refused)
          end
          stop("bad")
        end)
    end
  end

  it("stops one that loops for ever in a callback, whose callers are told", function()
    assert.are.equal("ok", start("bad", '{ "unruly" }', "shutdown = 100"))
    local before = counters().actor
    local value, code = call("bad", "loop", 100)
    assert.is_false(value)
    assert.are.equal("timeout", code)
    assert.are.equal(before.timeouts + 1, counters().actor.timeouts)
    assert.is_true(counters().actor.preemptions > before.preemptions)
    stop("bad")
    assert.is_true(counters().actor.overdue > before.overdue)
    assert.is_truthy(node:output():find("child bad: was ended: it did not stop in its time", 1, true))
  end)

  it("answers a call whose reply cannot be sent, and keeps the child", function()
    assert.are.equal("ok", start("bad", '{ "unruly" }'))
    local before = counters().actor.unsendable
    local value, code, message = call("bad", "unsendable")
    assert.is_false(value)
    assert.are.equal("invalid", code)
    assert.are.equal(
      "module 'unruly' answered what cannot be sent: message.answer[1]: a function cannot be sent", message)
    assert.are.equal(before + 1, counters().actor.unsendable)
    assert.are.equal(1, call("bad", "anything"))
    assert.are.equal(2, call("bad", "anything"))
    stop("bad")
  end)

  it("says in one line why a process does not start", function()
    local message = node:eval([[return { select(2, luahub.spawn({ "no_such_module" })).message }]])[1]
    assert.are.equal("module 'no_such_module' not found:", message)
  end)
end)

describe("Specs that are wrong", function()
  local world, node

  setup(function()
    world = cluster.new()
    node = world:start("n1")
    node:start_children({ "there" })
  end)
  teardown(function()
    world:close()
  end)

  for _, case in ipairs({
    { "no id", '{ start = { "tracked" } }', "children[1].id: expected a string of 1 to 255 bytes, got nil" },
    { "an empty id", '{ id = "", start = { "tracked" } }', "id is missing (expected a string of 1 to 255 bytes)" },
    { "a number as id", '{ id = 7, start = { "tracked" } }',
      "children[1].id: expected a string of 1 to 255 bytes, got 7" },
    { "an id that is too long", '{ id = ("x"):rep(256), start = { "tracked" } }',
      "id must be a string of 1 to 255 bytes" },
    { "no start", '{ id = "x" }', 'children[1].start: expected a list { "module", args... }, got nil' },
    { "a start without a module", '{ id = "x", start = {} }',
      "children[1].start[1]: expected the name of a module, got nil" },
    { "a function in start", '{ id = "x", start = { "tracked", print } }',
      "children[1].start[2]: a function cannot be sent" },
    { "an unknown field", '{ id = "x", start = { "tracked" }, restar = "permanent" }',
      "child spec 'x': unknown field 'restar' (known: id, start, restart, shutdown, type, metadata, placement, d" },
    { "an unknown restart", '{ id = "x", start = { "tracked" }, restart = "never" }',
      [[child spec 'x': restart must be "permanent", "transient" or "temporary"]] },
    { "a restart that is no text", '{ id = "x", start = { "tracked" }, restart = 5 }',
      "child spec 'x': restart must be a string" },
    { "a flag that is none", '{ id = "x", start = { "tracked" }, isolated = "yes" }',
      "child spec 'x': isolated must be true or false" },
    { "a negative shutdown", '{ id = "x", start = { "tracked" }, shutdown = -1 }',
      "child spec 'x': shutdown must be milliseconds up to an hour" },
    { "metadata that is too large", '{ id = "x", start = { "tracked" }, metadata = { a = ("y"):rep(4096) } }',
      "child spec 'x': metadata is larger than 4096 bytes" },
    { "arguments that are too large", '{ id = "x", start = { "tracked", ("y"):rep(65536) } }',
      "child spec 'x': start and placement are larger than 64 kB" },
    { "no table", '5', "children[1]: expected a child spec { id = ..., start = ... }, got 5" },
  }) do
    it("are refused with " .. case[1] .. ", and those beside them with them", function()
      local answer = node:eval(([[
        local future, err = hub:start_children({ %s, { id = "beside", start = { "tracked" } } }, { awaitable = true })
        if future then future, err = future:await() end
        if future then return { "started" } end
        return { err.code, err.message }]]):format(case[2]))
      assert.is_truthy(answer[1] == "invalid_spec" or answer[1] == "invalid", answer[1])
      assert.is_truthy(answer[2]:find(case[3], 1, true), answer[2])
      assert.is_true(node:eval([[return hub:child_lookup("beside") == nil and hub:child_lookup("x") == nil]]))
    end)
  end

  it("start once when one id stands twice in a call", function()
    local answer = node:eval([[
      local specs = { { id = "twice", start = { "tracked" } }, { id = "twice", start = { "tracked", 5 } } }
      local result = assert(hub:start_children(specs, { awaitable = true }):await())
      local e = result:errors()[1]
      return { result:status(), #result:cids(), e.id, e.code, e.message }]])
    assert.are.same({ "error", answer[2], "twice", "already_started", "the same id stands twice in this call" }, answer)
    assert.are.equal(answer[2], world:starts().twice or 0)
  end)

  it("are refused when they run already, whole or one by one", function()
    assert.are.same({ "already_started", "already started: there" }, node:eval([[
      local specs = { { id = "there", start = { "tracked" } }, { id = "new1", start = { "tracked" } } }
      local _, err = hub:start_children(specs)
      return { err.code, err.message }]]))
    assert.are.same({ "there", "already_started", "it runs already", "new2" }, node:eval([[
      local specs = { { id = "there", start = { "tracked" } }, { id = "new2", start = { "tracked" } } }
      local result = assert(hub:start_children(specs, { awaitable = true, check_existing = false }):await())
      local e = result:errors()[1]
      return { e.id, e.code, e.message, result:cids()[1] }]]))
    assert.are.equal(1, world:starts().there)
    assert.is_nil(world:starts().new1)
  end)
end)
