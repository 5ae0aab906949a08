-- Hooks and strategies that raise, are slow, or answer nonsense, on a real node.
--
-- Tagged #notsan: what is tried is decided in one thread, and real nodes are slow there.
local cluster = require("spec.cluster.helper")

local HOOKS = [[
  hooks = { child_data_alter = { { id = "alter", handler = function(data)
    local how = data.metadata.alter
    if how == "raise" then error("altered as told") end
    if how == "nonsense" then return 5 end
    if how == "id" then data.id = "another" end
    if how == "slow" then
      local stop = os.time() + 7
      while os.time() < stop do end
    end
    return data
  end } } }]]

-- A distribution that does what the file `how` says.
local STRATEGY = [[distribution = {
    place = function(ids, view)
      local file = io.open("how")
      local how = file and file:read("a") or ""
      if file then file:close() end
      if how == "raise" then error("placed as told") end
      if how == "number" then return 7 end
      if how == "nothing" then return end
      if how == "few" then return { 1 } end
      local owners = {}
      for i = 1, #ids do
        owners[i] = how == "unknown" and #view.nodes + 1 or how == "half" and 1.5
          or how == "word" and view.nodes[1] or 1
      end
      if how == "slow" then
        local stop = os.time() + 7
        while os.time() < stop do end
      end
      return owners
    end }, ]]

describe("A hook that #notsan", function()
  local world, node

  setup(function()
    world = cluster.new({ hub = HOOKS, node = "heap_memory = 48" })
    node = world:start("n1")
    node:start_children({ "quiet" })
  end)
  teardown(function()
    world:close()
  end)
  after_each(function()
    assert.are.equal(0, node:eval([[return hub:call("quiet", "get")]]))
    assert.are.equal(1, world:starts().quiet)
  end)

  local function counters()
    return node:eval("return luahub.counters().node")
  end

  local function ring(handler)
    node:eval(([[
      hub:cancel_hook_handlers("bell", { "bad", "good" })
      assert(hub:register_hook_handlers("bell", {
        { id = "bad", priority = 5, handler = %s },
        { id = "good", handler = { "listener", "tell", "listener", "bell" } } }))
      local listener = { id = "listener", start = { "listener" } }
      assert(hub:start_child(listener, { awaitable = true }):await():status() == "ok")
      return luahub.dispatcher.dispatch_event(hub.event_queue, "bell", { ring = 1 })]]):format(handler))
    cluster.eventually("the other handler was called all the same", function()
      return node:eval([[return #hub:call("listener", "heard") == 1]])
    end)
    node:eval([[return hub:stop_child("listener", { awaitable = true }):await():status()]])
  end

  for _, case in ipairs({
    { "raises", '{ "bell", "raise" }', "the bell is broken" },
    { "is of a module that is not there", '{ "no_such_module", "f" }', "module 'no_such_module' not found" },
    { "is a function that is not there", '{ "bell", "nothing" }', "the module has no function 'nothing'" },
    { "allocates without end", '{ "bell", "grow" }', "not enough memory: its heap may hold 48 MiB" },
  }) do
    it(case[1] .. " is logged with its hub, key and id, and counted", function()
      local before = counters().hooks_failed
      ring(case[2])
      cluster.eventually("it is counted", function()
        local failed = counters().hooks_failed - before
        return failed == 1, ("%d are counted\n%s"):format(failed, node:output())
      end)
      local line = "hook: hub main: handler 'bad' of bell failed: "
      cluster.eventually("it is logged", function()
        local _, last = node:output():find(line, 1, true)
        return last and node:output():find(case[3], last, true)
      end)
    end)
  end

  it("loops or sleeps for long holds up nobody (T-433, case 87)", function()
    ring('{ "bell", "loop" }')
    ring('{ "bell", "sleep" }')
  end)

  it("is too many is refused", function()
    assert.are.equal("limit", node:eval([[
      local list = {}
      for i = 1, 1025 do list[i] = { id = "h" .. i, handler = { "bell", "raise" } } end
      return select(2, hub:register_hook_handlers("many", list)).code]]))
  end)

  for how, text in pairs({
    raise = "altered as told",
    nonsense = "must answer { id, spec, metadata }, got number",
    id = "must not change the id",
    slow = "no answer within 25 ms",
  }) do
    it(("alters a child (%s) fails that start (case 88)"):format(how), function()
      local answer = node:eval(([[
        local spec = { id = "altered", start = { "tracked" }, metadata = { alter = %q } }
        local result = assert(hub:start_child(spec, { awaitable = true, timeout = 20000 }):await())
        local e = result:errors()[1]
        return { result:status(), e and e.message }]]):format(how))
      assert.are.equal("error", answer[1])
      assert.is_truthy(answer[2]:find(text, 1, true), answer[2])
      assert.is_nil(world:starts().altered)
    end)
  end
end)

describe("A distribution strategy that #notsan", function()
  local world, node

  setup(function()
    world = cluster.new({ hub = STRATEGY })
    node = world:start("n1")
    node:start_children({ "quiet" })
  end)
  teardown(function()
    world:close()
  end)
  after_each(function()
    world:write("how", "")
    assert.are.equal(0, node:eval([[return hub:call("quiet", "get")]]))
    cluster.eventually("the node takes children again", function()
      return (pcall(node.start_children, node, { "after" }))
    end)
    node:eval([[return hub:stop_child("after", { awaitable = true }):await():status()]])
    assert.are.equal(1, world:starts().quiet)
  end)

  for _, case in ipairs({
    { "raise", "raises", "placed as told" },
    { "number", "answers a number", "hub main: the distribution strategy's place() must answer a list, got number" },
    { "nothing", "answers nothing", "hub main: the distribution strategy's place() must answer a list, got nil" },
    { "few", "answers too few nodes", "place() must answer a list of 2 entries, got 1" },
    { "unknown", "answers a node that is not there",
      "place() answered 2 at [1]: expected an index of view.nodes (1 to 1)" },
    { "word", "answers names", "place() answered n1 at [1]: expected an index of view.nodes (1 to 1)" },
    { "half", "answers half a node", "place() answered 1.5 at [1]: expected an index of view.nodes (1 to 1)" },
    { "slow", "is too slow", "in time" },
  }) do
    it(case[2] .. " fails the start, is logged and counted, and is asked again for the next", function()
      local before = node:eval("return luahub.counters().hub.strategy_errors")
      world:write("how", case[1])
      local answer = node:eval([[
        local specs = { { id = "x1", start = { "tracked" } }, { id = "x2", start = { "tracked" } } }
        local result, why = hub:start_children(specs, { awaitable = true, timeout = 20000 }):await()
        if not result then return { "error", why.message } end
        local e = result:errors()[1]
        return { result:status(), e and e.message }]])
      assert.are.equal("error", answer[1])
      assert.is_truthy(answer[2]:find(case[3], 1, true), answer[2])
      assert.is_nil(answer[2]:find("\n"))
      assert.is_true(node:eval("return luahub.counters().hub.strategy_errors") > before)
      cluster.eventually("it is logged", function()
        return node:output():find(case[3], 1, true)
      end)
      assert.is_nil(world:starts().x1)
    end)
  end
end)
