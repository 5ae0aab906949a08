local core, hub, luahub, dispatcher, distributor

local SPEC = { id = "a", start = { "counter" } }

describe("luahub.hub", function()
  before_each(function()
    core = dofile("spec/luahub/fake_core.lua").install()
    luahub = require("luahub")
    dispatcher, distributor = luahub.dispatcher, luahub.distributor
    hub = luahub.hub("main")
    core.answers.hub_state = { alive = true, locked = false, partitioned = false }
    core.answers.start = function(value)
      if value.options.detach then return "start_initiated" end
      return { status = "ok", ids = { "a" }, nodes = { "n1" }, pids = { 1 }, errors = {} }
    end
    core.answers.stop = function(value)
      if value.options.detach then return "stop_initiated" end
      return { status = "ok", ids = { "a" }, nodes = { "n1" }, errors = {} }
    end
  end)

  it("starts in the background unless told to wait", function()
    assert.are.equal("start_initiated", hub:start_child(SPEC))
    assert.are.equal("stop_initiated", hub:stop_child("a"))
  end)

  it("answers a future when awaited", function()
    local result = hub:start_children({ SPEC }, { awaitable = true, timeout = 500, on_failure = "rollback" }):await()
    assert.are.equal("ok", result:status())
    local asked = core.asked[#core.asked].value
    assert.are.same({ timeout = 500, on_failure = "rollback" }, asked.options)
    assert.are.equal("ok", hub:stop_children({ "a" }, { awaitable = true }):await():status())
  end)

  it("refuses what can be known at once", function()
    assert.are.equal("no_children", select(2, hub:start_children({})).code)
    assert.are.equal("invalid_spec", select(2, hub:start_children({ { id = "a" } })).code)
    core.pids.a = core.pid()
    local _, err = hub:start_children({ SPEC, { id = "b", start = { "counter" } } })
    assert.are.equal("already_started", err.code)
    assert.are.same({ "a" }, err.ids)
    core.answers.hub_state = { alive = false }
    assert.are.equal("not_alive", select(2, hub:stop_child("a")).code)
  end)

  it("names function and option of a misuse, at the caller's line", function()
    local ok, problem = pcall(function()
      hub:start_children({ SPEC }, { awaitabel = true })
    end)
    assert.is_false(ok)
    assert.matches("hub_spec.lua:%d+: hub:start_children: unknown option 'awaitabel' %(did you mean 'aw", problem)
    ok, problem = pcall(function()
      hub:start_children({ SPEC }, { on_failure = "rolback" })
    end)
    assert.is_false(ok)
    assert.matches("hub_spec.lua:%d+: hub:start_children: on_failure: .*did you mean 'rollback'", problem)
    ok, problem = pcall(function()
      hub:start_child(SPEC, { ack = "al" })
    end)
    assert.is_false(ok)
    assert.matches("hub_spec.lua:%d+: hub:start_child: ack: .*did you mean 'all'", problem)
  end)

  it("shows metadata of a lookup only when asked", function()
    core.children.a = { id = "a", spec = SPEC, metadata = { tag = "x" }, instances = {} }
    assert.is_nil(hub:child_lookup("a").metadata)
    core.children.a.metadata = { tag = "x" }
    assert.are.same({ tag = "x" }, hub:child_lookup("a", { with_metadata = true }).metadata)
    assert.is_nil(hub:child_lookup("b"))
  end)

  it("lists in pages", function()
    hub:process_list("local", { limit = 10, after = "c" })
    assert.are.same({ scope = "local", limit = 10, after = "c" }, core.listed)
    hub:registry_dump()
    assert.are.same({ scope = "global", dump = true }, core.listed)
    assert.has_error(function()
      hub:process_list("everywhere")
    end)
  end)

  it("registers all immediate handlers in the program that started the hub only", function()
    assert.has_error(function()
      hub:register_hook_handlers("child_registered", { { id = "x", handler = print, immediate = true } })
    end)
    core.answers.hooks_register = true
    assert.is_true(hub:register_hook_handlers("child_registered", { { id = "x", handler = { "m", "f", 1 } } }))
    local sent = core.asked[#core.asked].value.handlers[1]
    assert.are.same({ id = "x", priority = 0, module = "m", ["function"] = "f", args = { 1 } }, sent)
  end)

  it("compares by id and prints it", function()
    assert.are.equal(luahub.hub("main"), hub)
    assert.are.equal("hub(main)", tostring(hub))
    assert.are.equal("main", hub.event_queue.hub)
  end)

  describe("call", function()
    local pid
    before_each(function()
      pid = core.pid()
    end)

    local function answers(list)
      local tries = 0
      core.call = function()
        tries = tries + 1
        local answer = list[math.min(tries, #list)]
        if type(answer) == "table" then return nil, answer end
        return answer
      end
      return function()
        return tries
      end
    end

    it("waits while the child is not here and sends again after an explicit refusal", function()
      core.pids.a = pid
      local tries = answers({ core.failure("not_here"), core.failure("not_found"), 7 })
      assert.are.equal(7, hub:call("a", "get"))
      assert.are.equal(3, tries())
    end)

    it("never sends again when the fate of the request is unknown", function()
      core.pids.a = pid
      for _, code in ipairs({ "unknown_outcome", "timeout", "crashed" }) do
        local tries = answers({ core.failure(code), 7 })
        assert.are.equal(code, select(2, hub:call("a", "get")).code)
        assert.are.equal(1, tries())
      end
    end)

    it("gives up at its deadline", function()
      core.pids.a = pid
      answers({ core.failure("not_here") })
      assert.are.equal("not_here", select(2, hub:call("a", "get", 300)).code)
      assert.is_true(core.time <= 300)
    end)

    it("does not wait long for an id that nobody knows", function()
      assert.are.equal("not_found", select(2, hub:call("nobody", "get", 60000)).code)
      assert.is_true(core.time <= 1000)
    end)

    it("waits for a child that restarts, and passes false through as a reply", function()
      core.children.a = { id = "a", instances = {} }
      local sleep = core.sleep
      core.sleep = function(ms)
        sleep(ms)
        if core.time > 2000 then core.pids.a = pid end
      end
      answers({ false })
      assert.is_false(hub:call("a", "get"))
    end)
  end)

  describe("services", function()
    it("split requests at 1,000 children and carry the replies", function()
      core.answers.nodes = { "n1", "n2" }
      local children = {}
      for i = 1, 2500 do
        children[i] = { id = "c" .. i, start = { "counter" } }
      end
      assert.is_true(dispatcher.children_start(hub, { { node = "n2", children = children } }))
      assert.are.equal("not_found", select(2, dispatcher.children_start(hub, { { node = "n9", children = {} } })).code)
      local wrong = { id = "w", start = { "m" }, restrat = "permanent" }
      local _, err = dispatcher.children_start(hub, { { node = "n2", children = { children[1], wrong } } })
      assert.are.equal("invalid_spec", err.code)
      assert.matches("requests[1].children[2]: unknown field 'restrat' (did you mean 'restart'?)", err.message, 1, true)
      assert.are.equal(3, #core.spawned)
      local sent = core.spawned[3]
      assert.are.same({ "luahub.courier.process", "start" }, { sent[1], sent[2] })
      assert.are.equal(500, #sent[3].children)
      local pid = core.pid()
      local request = { children = { "a" }, reply_to = { pid }, transaction = "t" }
      assert.is_true(dispatcher.children_stop("main", { request }))
      require("luahub.courier.process")(table.unpack(core.spawned[4], 2))
      assert.are.same({ "t", "a", { status = "ok" }, "n1" }, core.sent[1].message)
    end)

    it("check members and pass events on", function()
      core.answers.event = "event_queued"
      assert.are.equal("event_queued", dispatcher.dispatch_event(hub.event_queue, "e", 1, { members = "local" }))
      assert.are.same({ hub = "main", id = "e", data = 1, members = "local", discard = false }, core.asked[1].value)
      core.answers.propagate = true
      assert.is_true(dispatcher.propagate_event(hub, { name = "e", data = 1 }, { members = { "n1" } }))
      assert.has_error(function()
        dispatcher.dispatch_event(hub.event_queue, "e", 1, { members = "globl" })
      end)
    end)

    it("ask every node and name the silent ones", function()
      core.answers.nodes = { "n1", "n2" }
      core.answers.which_children = function(value)
        if value.node == "n2" then return nil, core.failure("timeout") end
        return { node = "n1", children = {} }
      end
      assert.are.same({ { node = "n1", children = {} }, { node = "n2", error = "timeout" } },
        distributor.which_children_global(hub, { timeout = 100 }))
    end)

    it("take the hub's synchronization strategy or nil", function()
      core.answers.terminate = true
      assert.is_true(distributor.child_terminate(hub, "a", hub.synchronization))
      assert.is_true(distributor.child_terminate(hub, "a"))
      local ok, problem = pcall(function()
        distributor.child_terminate(hub, "a", 7)
      end)
      assert.is_false(ok)
      assert.matches("hub_spec.lua:%d+: distributor.child_terminate: synchronization", problem)
    end)
  end)
end)
