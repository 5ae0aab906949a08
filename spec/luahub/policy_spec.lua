local core, policy, node

local FACTS = { { 1000, "" }, { 500, "disk=ssd\nzone=a=b\n" } } -- of n1 and n2, as the node tells them

describe("luahub.policy", function()
  before_each(function()
    core = dofile("spec/luahub/fake_core.lua").install()
    policy = require("luahub.policy")
    policy.install()
  end)

  local function open(strategies, handlers)
    policy.open("main", policy.with_defaults(strategies), handlers or {})
  end

  it("asks a user's distribution with a view", function()
    local seen
    open({
      distribution = {
        place = function(ids, view, options)
          seen = { view = view, options = options }
          return { 1, 2 }
        end,
      },
    })
    assert.are.same({ 1, 2 }, core.policy("place", "main", { "a", "b" }, { "n1", "n2" }, 1, "n2", FACTS))
    assert.are.same({
      nodes = { "n1", "n2" },
      self = "n2",
      hub = "main",
      weights = { n1 = 1, n2 = 0.5 },
      labels = { n1 = {}, n2 = { disk = "ssd", zone = "a=b" } },
    }, seen.view)
    assert.are.same({ factor = 1 }, seen.options)
  end)

  it("names the strategy that answers nonsense", function()
    local answer
    open({
      distribution = {
        place = function()
          return answer
        end,
      },
    })
    local cases = { { nil, "must answer a list" }, { { 1 }, "list of 2 entries, got 1" }, { { 1, 3 }, "answered 3" } }
    for _, case in ipairs(cases) do
      answer = case[1]
      local ok, problem = pcall(core.policy, "place", "main", { "a", "b" }, { "n1", "n2" }, 1, "n1", FACTS)
      assert.is_false(ok)
      assert.matches("hub main: the distribution strategy's place%(%)", problem)
      assert.matches(case[2], problem)
    end
  end)

  it("asks custom strategies of every kind", function()
    open({
      migration = {
        move = function(children)
          return { children[1].to == "n2" and "hot", false }
        end,
      },
      synchronization = {
        propagate = function(_, members)
          return { members[1] }
        end,
      },
      partition_tolerance = {
        may_act = function(view)
          return #view.nodes > 1, "alone"
        end,
      },
    })
    assert.are.same({ "hot", false }, policy.answer("move", "main", { "a", "b" }, "n1", { "n2", "n3" }))
    assert.are.same({ "n1" }, policy.answer("propagate", "main", "e", { "n1", "n2" }, "n1"))
    assert.are.same({ false, "alone" }, { policy.answer("may_act", "main", { "n1" }, true) })
    assert.is_true(policy.answer("init", "main", {}, {}))
  end)

  it("runs immediate handlers, and hands on what they answer", function()
    local seen = {}
    open({}, {
      label = {
        h = function(data)
          if data == "bad" then error("no label", 0) end
          seen[#seen + 1] = data
          return { label = data }
        end,
      },
    })
    assert.are.same({ label = "a" }, policy.answer("fold", "main", "label", "h", "a"))
    local outcome = { policy.answer("hook", "main", "label", "h", { "b", "bad", "c" }, 3) }
    assert.are.same({ 3, 1, "no label" }, outcome)
    assert.are.same({ "a", "b", "c" }, seen)
    policy.remove_handlers("main", "label", { "h" })
    assert.has_error(function()
      policy.answer("hook", "main", "label", "h", {}, 0)
    end)
  end)

  it("knows no hub after it was closed", function()
    open({})
    policy.close("main")
    assert.has_error(function()
      policy.answer("place", "main", {}, {}, 1)
    end)
  end)
end)

describe("luahub.node", function()
  before_each(function()
    core = dofile("spec/luahub/fake_core.lua").install()
    core.start = function(settings)
      core.settings = settings
      return true
    end
    core.stop_now = function() end
    core.answers.ready = { name = "n1", address = "127.0.0.1:7101" }
    core.answers.hub_start, core.answers.hooks_register, core.answers.hooks_cancel = true, true, true
    core.answers.leave = true
    node = assert(require("luahub").start({ name = "n1", runtime_dir = os.getenv("PWD") .. "/build" }))
  end)

  it("passes its paths to every heap", function()
    assert.are.equal(package.path, core.settings.path)
    assert.are.equal(package.cpath, core.settings.cpath)
    assert.are.equal("n1", core.settings.name)
  end)

  it("tells the core of a hub in plain data and keeps functions here", function()
    local migration = require("luahub.migration")
    local hub = assert(node:start_hub({
      id = "main",
      migration = migration.hot_swap({ handover = true }),
      distribution = {
        deterministic = false,
        place = function() end,
      },
      hooks = {
        child_registered = {
          { id = "now", handler = print, immediate = true },
          { id = "wait", priority = 5, handler = { "m", "f" } },
        },
      },
    }))
    assert.are.equal("main", hub.id)
    local hooks, sent = core.asked[#core.asked - 1].value, core.asked[#core.asked].value
    assert.are.same({ kind = "custom", deterministic = false, init = false }, sent.distribution)
    assert.are.same({ kind = "hot", handover = true, quiet_time = 30000 }, sent.migration)
    assert.are.same({ kind = "divergence" }, sent.partition)
    assert.are.same({ id = "now", priority = 0, immediate = true }, hooks.handlers[1])
    local waiting = { id = "wait", priority = 5, module = "m", ["function"] = "f", args = {} }
    assert.are.same(waiting, hooks.handlers[2])
  end)

  it("T-032: starts a hub of its configuration, and refuses what is none, or there already", function()
    local cases = { [{}] = "hub.id: expected a string", [7] = "hub: expected a hub { id = ..., ... }, got 7" }
    for given, text in pairs(cases) do
      local hub, err = node:start_hub(given)
      assert.is_nil(hub)
      assert.are.equal("invalid_config", err.code)
      assert.matches(text, err.message, 1, true)
    end
    assert.are.equal("main", assert(node:start_hub({ id = "main" })).id)
    assert.are.equal("exists", select(2, node:start_hub({ id = "main" })).code)
  end)

  it("refuses a redundancy that answers no number of nodes, or more than its other strategies allow", function()
    local function two()
      return 2
    end
    local function refused(redundancy, migration)
      local hub, err = node:start_hub({ id = "main", redundancy = redundancy, migration = migration })
      assert.is_nil(hub)
      return err.message
    end
    local function many()
      return "many"
    end
    local text = 'factor() answered what is none: expected a whole number from 1 to 4096 or "cluster_size", got "many"'
    assert.matches(text, refused({ factor = many }), 1, true)
    assert.matches("handover does not go with replication",
      refused({ factor = two }, require("luahub.migration").hot_swap({ handover = true })), 1, true)
    assert.matches("model: expected one of active_active, active_passive, got some",
      refused({ factor = two, model = "some" }), 1, true)
  end)

  it("leaves static children alone that run already, and refuses a hub whose child does not start", function()
    core.answers.hub_stop = true
    local code = "already_started"
    core.answers.start = function(value)
      assert.is_true(value.options.check_existing)
      return { status = "error", ids = {}, nodes = {}, errors = { { id = "a", code = code, message = "m" } } }
    end
    local settings = { id = "main", children = { { id = "a", start = { "m" } } } }
    assert(node:start_hub(settings)):stop()
    code = "child_failed"
    local hub, err = node:start_hub(settings)
    assert.is_nil(hub)
    assert.are.equal("child a: m", err.message)
  end)

  it("waits again until the node has ended", function()
    local turns = 0
    core.answers.wait = function()
      turns = turns + 1
      if turns < 3 then return nil, core.failure("timeout") end
      return true
    end
    assert.is_true(node:wait())
    assert.are.equal(3, turns)
  end)
end)
