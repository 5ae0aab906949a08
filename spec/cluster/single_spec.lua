local cluster = require("spec.cluster.helper")

local HUB = [[hooks = { child_registered = {
    { id = "slow", handler = { "listener", "tell", "listener", "waiting" } },
    { id = "now", immediate = true, handler = function(data)
      io.stderr:write("immediate: ", data.child_id, "\n")
    end } },
  post_children_start = { { id = "results", handler = { "listener", "tell", "listener", "results" } } },
  child_data_alter = { { id = "alter", handler = function(data)
    if data.id == "altered" then data.metadata = { tag = "altered" } end
    return data
  end } } },
  children = { { id = "listener", start = { "listener" } } }]]

describe("One node", function()
  local world, node

  setup(function()
    world = cluster.new({ hub = HUB })
    node = world:start("n1")
  end)
  teardown(function()
    world:close()
  end)

  local function eval(chunk, ...)
    return node:eval(select("#", ...) > 0 and chunk:format(...) or chunk)
  end

  local function heard()
    return eval([[return { list = hub:call("listener", "heard") }]]).list
  end

  it("says that it is local only without a secret", function()
    cluster.with({ file = [[return { node = {}, hubs = {} }]] }, function(other)
      local alone = other:start("alone", { listen = false })
      assert.are.equal("luahub: alone ready, local only\n", alone:output():match("luahub: [^\n]*\n"))
      assert.are.equal(0, alone:leave())
    end)
  end)

  it("starts, finds, calls, casts to and stops a child", function()
    assert.are.same({ "ok", "a1", "n1" }, eval([[
      local result = hub:start_child({ id = "a1", start = { "tracked", 5 }, metadata = { tag = "a" } },
        { awaitable = true }):await()
      return { result:status(), result:cids()[1], result:nodes()[1] }]]))
    assert.are.equal(6, eval([[return hub:call("a1", "increment")]]))
    assert.are.equal(7, eval([[hub:cast("a1", "increment") return hub:call("a1", "get")]]))
    assert.is_true(eval([[return hub:get_pid("a1") == hub:call("a1", "pid")]]))
    assert.are.same({ "tracked", 5 }, eval([[return hub:child_lookup("a1").spec.start]]))
    assert.are.equal("a1", eval([[return hub:tag_query("a")[1].id]]))
    assert.are.equal(0, eval([[return #hub:tag_query("b")]]))
    assert.are.same({ "ok", "a1" }, eval([[
      local result = hub:stop_child("a1", { awaitable = true }):await()
      return { result:status(), result:cids()[1] }]]))
    assert.is_true(eval([[return hub:get_pid("a1") == nil and hub:child_lookup("a1") == nil]]))
    local ok, message, status = node:try([[return hub:call("a1", "get", 500)]])
    assert.is_false(ok)
    assert.matches("no running child a1", message)
    assert.are.equal(1, status)
  end)

  it("lists children whole and in pages, sorted by id", function()
    local ids = cluster.ids("p", 25)
    node:start_children(ids, [[metadata = { tag = "page" }]])
    table.sort(ids)
    local seen = eval([[
      local out, after = {}, "ozzz"
      while true do
        local page = hub:process_list("global", { limit = 10, after = after })
        for _, child in ipairs(page) do
          if child.id:match("^p%d+$") then out[#out + 1] = child.id end
        end
        if #page < 10 then return out end
        after = page[#page].id
      end]])
    assert.are.same(ids, seen)
    assert.are.equal(25, eval([[return #hub:tag_query("page")]]))
    assert.are.equal("page", eval([[return hub:registry_dump({ limit = 1, after = "p24" })[1].metadata.tag]]))
    eval([[
      local ids = {}
      for _, child in ipairs(hub:tag_query("page")) do ids[#ids + 1] = child.id end
      return hub:stop_children(ids, { awaitable = true }):await():status()]])
  end)

  it("runs waiting and immediate hooks, and alters data before it is used", function()
    local before = #heard()
    eval([[return hub:start_child({ id = "altered", start = { "tracked" } }, { awaitable = true }):await():status()]])
    -- What is told of children of other specs may come late, too.
    local entry = cluster.eventually("the waiting hook has told the listener", function()
      local list = heard()
      for i = before + 1, #list do
        if list[i].data.child_id == "altered" then return list[i] end
      end
      return nil, node:output()
    end)
    assert.are.equal("waiting", entry.key)
    assert.matches("immediate: altered\n", node:output())
    assert.are.equal("altered", eval([[return hub:tag_query("altered")[1].id]]))
  end)

  it("tells a hook how starts ended, also those that failed", function()
    eval([[
      local specs = { { id = "broken", start = { "raises", "refuse" } } }
      for i = 1, 20 do specs[i + 1] = { id = "told" .. i, start = { "tracked" } } end
      return hub:start_children(specs, { awaitable = true }):await():status()]])
    local told = cluster.eventually("all 21 are told", function()
      local by_id, count = {}, 0
      for _, entry in ipairs(heard()) do
        for _, child in ipairs(entry.key == "results" and entry.data.children or {}) do
          if child.child_id == "broken" or child.child_id:match("^told%d+$") then
            assert.is_nil(by_id[child.child_id], "told twice")
            by_id[child.child_id], count = child, count + 1
          end
        end
      end
      return count == 21 and by_id
    end)
    assert.are.equal("child_failed", told.broken.result)
    assert.matches("refused as told", told.broken.message)
    assert.is_nil(told.broken.pid)
    assert.are.same({ "ok", "n1" }, { told.told7.result, told.told7.node })
    assert.is_not_nil(told.told7.pid)
  end)

  it("registers and cancels handlers, all of them or none", function()
    local chunk = [[
      local ok, err = hub:register_hook_handlers("bell", {
        { id = "one", handler = { "listener", "tell", "listener", "bell" } },
        { id = %q, handler = { "listener", "tell", "listener", "bell" } } })
      return ok or err.code]]
    assert.is_true(eval(chunk, "two"))
    assert.are.equal("handler_id_not_unique", eval(chunk, "three"))
    assert.are.equal("event_dispatched", eval([[
      return luahub.dispatcher.dispatch_event(hub.event_queue, "bell", { ring = 1 })]]))
    cluster.eventually("both handlers have run", function()
      local count = 0
      for _, entry in ipairs(heard()) do
        if entry.key == "bell" and entry.data.ring == 1 then count = count + 1 end
      end
      return count == 2
    end)
    assert.is_true(eval([[return hub:cancel_hook_handlers("bell", { "one", "two", "unknown" })]]))
    assert.is_true(eval(chunk, "two"))
  end)

  for _, case in ipairs({
    { "that is missing", [[{ "no_such_module" }]], "no_such_module" },
    { "whose init raises", [[{ "raises", "raise" }]], "init raised as told" },
    { "whose init refuses", [[{ "raises", "refuse" }]], "refused as told" },
    { "whose init never returns", [[{ "raises", "never" }]], "in its time" },
  }) do
    it("answers with an error for a child with a module " .. case[1], function()
      local answer = eval([[
        local result = hub:start_children({ { id = "bad", start = %s }, { id = "good", start = { "tracked" } } },
          { awaitable = true }):await()
        local e = result:errors()[1]
        local done = hub:stop_child("good", { awaitable = true }):await():status()
        local out = { status = result:status(), done = done }
        for name, value in pairs(e) do out[name] = value end
        return out]], case[2])
      assert.are.equal("error", answer.status)
      assert.are.equal("bad", answer.id)
      assert.are.equal("n1", answer.node)
      assert.are.equal("child_failed", answer.code)
      assert.matches(case[3], answer.message)
      assert.is_nil(answer.message:find("\n"))
      assert.are.equal("ok", answer.done)
      assert.is_true(eval([[return hub:child_lookup("bad") == nil]]))
    end)
  end

  it("takes back what started when a start is to be all or nothing", function()
    assert.are.same({ "error", true }, eval([[
      local specs = { { id = "x1", start = { "tracked" } }, { id = "x2", start = { "raises", "refuse" } } }
      local result = hub:start_children(specs, { awaitable = true, on_failure = "rollback" }):await()
      return { result:status(), hub:get_pid("x1") == nil }]]))
  end)

  it("refuses ids that run already, with the ids", function()
    assert.are.same({ "already_started", "listener" }, eval([[
      local ok, err = hub:start_child({ id = "listener", start = { "listener" } })
      return { err.code, err.ids[1] }]]))
    assert.are.equal("no_children", eval([[local _, err = hub:start_children({}) return err.code]]))
    assert.are.equal("invalid_spec", eval([[local _, err = hub:start_child({ id = "x" }) return err.code]]))
  end)

  it("starts a crashed child again, with another pid and a higher generation", function()
    node:start_children({ "crasher" })
    local before = eval([[return { pid = tostring(hub:get_pid("crasher")), was = hub:call("crasher", "where") }]])
    local ok, message = node:try([[return hub:call("crasher", "crash")]])
    assert.is_false(ok)
    assert.matches("crash", message)
    local after = cluster.eventually("it runs again", function()
      local found, answer = node:try([[
        return { pid = tostring(hub:get_pid("crasher")), was = assert(hub:call("crasher", "where")) }]])
      return found and answer
    end)
    assert.are_not.equal(before.pid, after.pid)
    assert.is_true(after.was.generation > before.was.generation)
    assert.are.equal(0, eval([[return hub:call("crasher", "get")]]))
  end)

  it("lets a transient child end by itself, and starts it again when it ends abnormally", function()
    node:start_children({ "t1", "t2" }, [[restart = "transient"]])
    node:try([[return hub:call("t1", { "exit", "normal" })]])
    node:try([[return hub:call("t2", { "exit", "broken" })]])
    cluster.eventually("the first is gone and the second runs", function()
      return eval([[return hub:child_lookup("t1") == nil and hub:call("t2", "get") == 0]])
    end)
    assert.are.equal(2, world:starts().t2)
    assert.are.equal(1, world:starts().t1)
  end)

  it("says what runs here", function()
    local answer = eval([[return luahub.distributor.which_children_local(hub)]])
    assert.are.equal("n1", answer.node)
    local found = {}
    for _, child in ipairs(answer.children) do
      found[child[1]] = child
    end
    assert.are.equal("worker", found.listener[3])
    assert.are.same({ "listener" }, found.listener[4])
    assert.are.same({ answer }, eval([[return luahub.distributor.which_children_global(hub)]]))
  end)

  it("prints what a chunk prints, and its first value", function()
    local text, status = world:run([[eval n1 'print("hello", 1) return { a = 1 }, 2']])
    assert.are.equal("hello\t1\n{ a = 1 }\n", text)
    assert.are.equal(0, status)
  end)

  it("answers a chunk that raises, or answers nil and an error, with status 1 and the message", function()
    local text, status = world:run([[eval n1 'error("no such luck")']])
    assert.matches("no such luck", text)
    assert.matches("traceback", text)
    assert.are.equal(1, status)
    text, status = world:run([[eval n1 'return nil, "sorry"']])
    assert.are.equal("sorry\n", text)
    assert.are.equal(1, status)
    text, status = world:run([[eval n1 'return +']])
    assert.matches("unexpected symbol", text)
    assert.are.equal(1, status)
  end)

  it("goes on answering after a chunk that loops for ever", function()
    local text, status = world:run([[eval n1 'while true do end' --timeout 300]])
    assert.matches("did not answer in time", text)
    assert.are.equal(5, status)
    assert.are.equal(2, eval("return 1 + 1"))
    cluster.eventually("the loop is over", function()
      return node:is_idle()
    end)
  end)

  it("answers while a child loops for ever, and stops that child", function()
    world:write("endless.lua", [[return function() while true do end end]])
    assert.are.equal("ok", eval([[
      return hub:start_child({ id = "endless", start = { "endless" } }, { awaitable = true }):await():status()]]))
    assert.are.equal(1, eval([[return hub:call("listener", "pid") and 1]]))
    assert.are.equal("ok", eval([[return hub:stop_child("endless", { awaitable = true }):await():status()]]))
    assert.is_true(eval([[return hub:get_pid("endless") == nil]]))
  end)

  it("lists members and children on the command line", function()
    local text, status = world:run("members n1 --json")
    assert.are.equal(0, status)
    assert.matches('"name":"n1"', text, 1, true)
    text, status = world:run("children n1")
    assert.are.equal(0, status)
    assert.matches("main +listener +n1 ", text)
  end)

  it("is not reached under another name", function()
    local text, status = world:run([[eval nobody 'return 1']])
    assert.matches("node nobody cannot be reached", text)
    assert.are.equal(4, status)
  end)
end)

describe("The end of a node", function()
  it("comes by luahub stop, which waits for it (G9)", function()
    cluster.with(nil, function(world)
      local node = world:start("n1")
      node:start_children({ "c1", "c2" })
      local text, status = world:run("stop n1")
      assert.are.equal("", text)
      assert.are.equal(0, status)
      assert.are.equal(0, node:wait())
      assert.are.same({}, world:left_behind(node))
    end)
  end)

  for _, signal in ipairs({ "TERM", "INT" }) do
    it("comes gracefully by SIG" .. signal .. ", with every child told", function()
      cluster.with(nil, function(world)
        local node = world:start("n1")
        node:start_children({ "c1", "c2" })
        node:signal(signal)
        assert.are.equal(0, node:wait())
        assert.are.same({}, world:left_behind(node))
        assert.is_nil(io.open(world.directory .. "/run/n1.sock"))
      end)
    end)
  end

  it("comes at once by a second signal", function()
    cluster.with(nil, function(world)
      local node = world:start("n1")
      world:write("stubborn.lua", [[
        return { init = function() return {} end, terminate = function() while true do end end }]])
      node:eval([[
        local spec = { id = "stubborn", start = { "stubborn" }, shutdown = 60000 }
        return hub:start_child(spec, { awaitable = true }):await():status()]])
      node:signal("TERM")
      cluster.eventually("it leaves", function()
        return node:output():find("leaving", 1, true)
      end)
      node:signal("TERM")
      assert.are.equal(130, node:wait())
    end)
  end)
end)
