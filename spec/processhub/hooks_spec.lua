-- Hooks, handlers and events as ProcessHub's users know them, on real nodes: T-041 to T-043, T-170 to T-178, T-190,
-- T-191, T-328 to T-332, T-341, T-007; and that what L-9, L-17 and L-22 lost is not lost here.
--
-- Real nodes are slow under sanitizers: what floods one is tagged #notsan.

local cluster = require("spec.cluster.helper")

-- An immediate handler that computes without end, one that raises, and one that is as it should be; a distribution of
-- the user's, which the same program answers.
local HUB = [[
  distribution = { place = function(ids)
    local owners = {}
    for i = 1, #ids do owners[i] = 1 end
    return owners
  end },
  hooks = {
    spin = { { id = "spin", immediate = true, handler = function() while true do end end } },
    crash = { { id = "crash", immediate = true, handler = function() error("crashed as told") end } },
    now = { { id = "now", immediate = true, handler = function(data, hub_id)
      local file = assert(io.open("now", "a"))
      file:write(hub_id, " ", tostring(data), "\n")
      file:close()
    end } },
    fold = { { id = "last", priority = -1, immediate = true, handler = function(list)
      list[#list + 1] = "immediate"
      return list
    end } },
  }]]

local function lines_of(world, name)
  local lines = {}
  local file = io.open(world.directory .. "/" .. name)
  if not file then return lines end
  for line in file:lines() do
    lines[#lines + 1] = line
  end
  file:close()
  return lines
end

local function hears(world, name, expected)
  cluster.eventually("the handlers have been called", function()
    local text = table.concat(lines_of(world, name), "\n")
    return text == table.concat(expected, "\n"), text
  end)
end

describe("Handlers of one node", function()
  local world, node

  setup(function()
    world = cluster.new({ hub = HUB })
    node = world:start("n1")
    node:start_children({ "quiet" })
  end)
  teardown(function()
    world:close()
  end)
  before_each(function()
    os.remove(world.directory .. "/ears")
  end)
  after_each(function()
    assert.are.equal(0, node:eval([[return hub:call("quiet", "get")]]))
    assert.are.equal(1, world:starts().quiet)
    node:eval([[
      local manager = luahub.hook_manager
      for _, key in ipairs(manager.keys(hub)) do
        local ids = {}
        for _, handler in ipairs(manager.registered_handlers(hub, key)) do
          if not handler.immediate then ids[#ids + 1] = handler.id end
        end
        manager.cancel_handlers(hub, key, ids)
      end]])
  end)

  local function counters()
    return node:eval("return luahub.counters().node")
  end

  it("T-041, T-170, T-171, T-323: are registered, one or several, by an id that is a string", function()
    assert.are.same({ "one", "three", "two" }, node:eval([[
      assert(hub:register_hook_handlers("k", { { id = "one", handler = { "ears", "note" } } }))
      assert(hub:register_hook_handlers("k", {
        { id = "two", handler = { "ears", "note" } }, { id = "three", handler = { "ears", "note" } } }))
      local ids = {}
      for i, handler in ipairs(luahub.hook_manager.registered_handlers(hub, "k")) do ids[i] = handler.id end
      table.sort(ids)
      return ids]]))
  end)

  it("T-041, T-172, T-174, T-320: are refused all together when one id is there", function()
    assert.are.same({ "handler_id_not_unique", "a handler with the id 'two' is registered for this key", 1 },
      node:eval([[
        assert(hub:register_hook_handlers("k", { { id = "two", handler = { "ears", "note" } } }))
        local ok, err = hub:register_hook_handlers("k", {
          { id = "one", handler = { "ears", "note" } }, { id = "two", handler = { "ears", "note" } } })
        return { err.code, err.message, #luahub.hook_manager.registered_handlers(hub, "k") }]]))
  end)

  it("T-173: stand in the order of their priorities, equal ones in that of registration", function()
    assert.are.equal("high mid first second low", node:eval([[
      assert(hub:register_hook_handlers("k", {
        { id = "low", priority = -5, handler = { "ears", "note" } },
        { id = "first", handler = { "ears", "note" } },
        { id = "high", priority = 100, handler = { "ears", "note" } },
        { id = "second", handler = { "ears", "note" } },
        { id = "mid", priority = 1, handler = { "ears", "note" } } }))
      local ids = {}
      for i, handler in ipairs(luahub.hook_manager.registered_handlers(hub, "k")) do ids[i] = handler.id end
      return table.concat(ids, " ")]]))
  end)

  it("T-175, T-176: are given their arguments and then the data, and may have one id under several keys", function()
    node:eval([[
      for _, key in ipairs { "k1", "k2" } do
        assert(hub:register_hook_handlers(key, { { id = "same", handler = { "ears", "note", key, "fixed" } } }))
      end
      return luahub.hook_manager.dispatch_hooks(hub, { { "k1", "a" }, { "k2", "b" }, { "nobody", "c" } })]])
    cluster.eventually("both have been called", function()
      local lines = lines_of(world, "ears")
      table.sort(lines)
      return table.concat(lines, ", ") == "n1 k1 fixed a, n1 k2 fixed b", table.concat(lines, ", ")
    end)
  end)

  it("T-175: take what happened one after another, in its order", function()
    local expected = {}
    for i = 1, 500 do
      expected[i] = "n1 k " .. i
    end
    node:eval([[
      assert(hub:register_hook_handlers("k", { { id = "note", handler = { "ears", "note", "k" } } }))
      for i = 1, 500 do luahub.hook_manager.dispatch_hook(hub, "k", i) end]])
    hears(world, "ears", expected)
  end)

  it("T-177: alter a value, each what the one before it made of it", function()
    assert.are.same({ "given", "first", "second", "immediate" }, node:eval([[
      assert(hub:register_hook_handlers("fold", {
        { id = "b", priority = 1, handler = { "ears", "add", "second" } },
        { id = "a", priority = 2, handler = { "ears", "add", "first" } } }))
      return luahub.hook_manager.dispatch_alter_hook(hub, "fold", { "given" })]]))
    assert.are.same({ "as it was" }, node:eval([[
      return luahub.hook_manager.dispatch_alter_hook(hub, "nobody", { "as it was" })]]))
    assert.are.same({ "failed", "refused x" }, node:eval([[
      assert(hub:register_hook_handlers("refuse", { { id = "r", handler = { "ears", "refuse" } } }))
      local value, err = luahub.hook_manager.dispatch_alter_hook(hub, "refuse", "x")
      return { err.code, err.message:match("refused x") }]]))
    local nothing = "an alter hook must answer the data, changed or not; it answered nothing"
    assert.are.same({ "failed", nothing }, node:eval([[
      assert(hub:register_hook_handlers("silent", { { id = "s", handler = { "ears", "note" } } }))
      local value, err = luahub.hook_manager.dispatch_alter_hook(hub, "silent", "x")
      return { err.code, err.message:match("an alter hook[^\n]*") }]]))
  end)

  it("T-042, T-043, T-178, T-321: are cancelled by their ids, called no more; unknown ones are passed over", function()
    assert.are.same({ "b" }, node:eval([[
      for _, id in ipairs { "a", "b" } do
        assert(hub:register_hook_handlers("k", { { id = id, handler = { "ears", "note", id } } }))
      end
      assert(hub:cancel_hook_handlers("k", { "a", "unknown" }))
      assert(hub:cancel_hook_handlers("no such key", { "a" }))
      luahub.hook_manager.dispatch_hook(hub, "k", 1)
      local ids = {}
      for i, handler in ipairs(luahub.hook_manager.registered_handlers(hub, "k")) do ids[i] = handler.id end
      return ids]]))
    hears(world, "ears", { "n1 b 1" })
  end)

  it("T-043: see a start, and none after they were cancelled", function()
    node:eval([[
      assert(hub:register_hook_handlers("child_registered", { { id = "r", handler = { "ears", "note", "in" } } }))
      return hub:start_child({ id = "seen", start = { "tracked" } }, { awaitable = true }):await():status()]])
    hears(world, "ears", { "n1 in seen" })
    node:eval([[
      hub:cancel_hook_handlers("child_registered", { "r" })
      assert(hub:register_hook_handlers("child_unregistered", { { id = "u", handler = { "ears", "note", "out" } } }))
      hub:start_child({ id = "unseen", start = { "tracked" } }, { awaitable = true }):await()
      return hub:stop_children({ "seen", "unseen" }, { awaitable = true }):await():status()]])
    cluster.eventually("both ends were seen, and no start", function()
      local lines = lines_of(world, "ears")
      table.sort(lines)
      return table.concat(lines, ", ") == "n1 in seen, n1 out seen, n1 out unseen", table.concat(lines, ", ")
    end)
  end)

  it("T-322: stand under the keys that have any, which are listed sorted", function()
    assert.are.same({ "a", "b", "crash", "fold", "now", "spin" }, node:eval([[
      for _, key in ipairs { "b", "a" } do
        assert(hub:register_hook_handlers(key, { { id = "x", handler = { "ears", "note" } } }))
      end
      return luahub.hook_manager.keys(hub)]]))
  end)

  it("are refused in a hub that does not run here, and bad ones in one clear line", function()
    local function refusal(call)
      return node:eval(([[
        local ok, problem, err = pcall(function() return %s end)
        if not ok then return problem end
        return err.code]]):format(call))
    end
    local one = '{ { id = "x", handler = { "ears", "note" } } }'
    assert.are.equal("not_alive", refusal('luahub.hub("elsewhere"):register_hook_handlers("k", ' .. one .. ")"))
    for call, text in pairs({
      ['hub:register_hook_handlers("k", 5)'] = "handlers: expected a list of handlers, got 5",
      ['hub:register_hook_handlers("", ' .. one .. ")"] = "key: expected a string that is not empty",
      ['hub:register_hook_handlers("k", { { id = "x", handler = { "ears" } } })'] = "both names are strings",
      ['hub:register_hook_handlers("k", { { id = "x", prioriti = 1, handler = { "ears", "note" } } })'] =
        "unknown field 'prioriti' (did you mean 'priority'?)",
      ['hub:register_hook_handlers("k", { { id = "x", handler = print } })'] = "a function needs immediate = true",
      ['luahub.hook_manager.dispatch_hook(hub, 7)'] = "hook_manager.dispatch_hook: key: expected a string",
      ['luahub.hook_manager.dispatch_hooks(hub, { { 7 } })'] = "list[1][1] (the key): expected a string",
      ['luahub.hook_manager.dispatch_alter_hook(hub, "k")'] = "value: expected a value, got nil",
      ['luahub.hook_manager.registered_handlers(nil, "k")'] = "hub (a hub or its id): expected a string",
    }) do
      local said = refusal(call)
      assert.is_truthy(said:find(text, 1, true), call .. ": " .. said)
      assert.is_nil(said:find("\n"), said)
    end
  end)

  it("L-22: that raise, or end their process, cost that event alone", function()
    local before = counters()
    node:eval([[
      assert(hub:register_hook_handlers("k", { { id = "choosy", handler = { "ears", "choosy" } } }))
      for i = 1, 8 do luahub.hook_manager.dispatch_hook(hub, "k", i) end]])
    hears(world, "ears", { "n1 choosy 2", "n1 choosy 6", "n1 choosy 8" })
    cluster.eventually("all are counted", function()
      local now = counters()
      -- Handlers of other specs that were cancelled while they ran may be counted, too, once they are over.
      return now.hooks_run >= before.hooks_run + 8 and now.hooks_failed >= before.hooks_failed + 4
    end)
    assert.is_truthy(node:output():find("hook: hub main: handler 'choosy' of k failed: odd: 1", 1, true))
  end)

  -- What is done by a hub while handlers are busy; `busy` says that they still are when it is done.
  local function works_beside(busy)
    local ids = cluster.ids("beside", 20)
    node:start_children(ids)
    local places, wrong = node:ask(ids, '"where"')
    assert.are.same({}, wrong)
    assert.are.equal("n1", places.beside1.node)
    assert.are.equal("ok", node:stop_children(ids).status)
    assert.is_true(busy(), "the handlers ended before the hub had answered")
  end

  local function waiting(key, id)
    for _, handler in ipairs(node:eval(([[return luahub.hook_manager.registered_handlers(hub, %q)]]):format(key))) do
      if handler.id == id then return handler.waiting end
    end
  end

  it("L-17: that sleep, or loop without end, hold up nobody", function()
    node:eval([[
      for _, how in ipairs { "sleep", "loop" } do
        for _, key in ipairs { "child_registered", "child_unregistered" } do
          assert(hub:register_hook_handlers(key, { { id = how, priority = 9, handler = { "bell", how } } }))
        end
      end
      assert(hub:register_hook_handlers("child_registered", { { id = "note", handler = { "ears", "note", "r" } } }))]])
    works_beside(function()
      for _, how in ipairs({ "sleep", "loop" }) do
        if waiting("child_registered", how) ~= 20 or waiting("child_unregistered", how) ~= 20 then return false end
      end
      return true
    end)
    cluster.eventually("the handler beside them has seen all", function()
      return #lines_of(world, "ears") == 20, #lines_of(world, "ears")
    end)
  end)

  it("L-17: that computes without end is ended, and the hub answers meanwhile", function()
    local before = counters().hooks_failed
    node:eval([[for _ = 1, 200 do luahub.hook_manager.dispatch_hook(hub, "spin", 1) end]])
    works_beside(function()
      return waiting("spin", "spin") > 0
    end)
    cluster.eventually("each was ended and counted", function()
      return counters().hooks_failed >= before + 200
    end)
    assert.is_truthy(node:output():find("hub main: handler 'spin' of spin failed: no answer within 25 ms", 1, true))
  end)

  it("immediate ones run in the program that started the hub, and may raise", function()
    local before = counters().hooks_failed
    node:eval([[
      luahub.hook_manager.dispatch_hooks(hub, { { "crash", 1 }, { "now", 1 }, { "now", "two" }, { "now" } })]])
    hears(world, "now", { "main 1", "main two", "main nil" })
    cluster.eventually("it is counted", function()
      return counters().hooks_failed >= before + 1
    end)
    assert.is_truthy(node:output():find("handler 'crash' of crash failed: ", 1, true))
  end)

  it("that is too slow loses what is too much, counted and said once #notsan", function()
    node:eval([[
      assert(hub:register_hook_handlers("k", { { id = "slow", handler = { "bell", "sleep" } } }))
      for _ = 1, 100010 do assert(luahub.hook_manager.dispatch_hook(hub, "k", 1)) end]])
    assert.are.equal(10, counters().hooks_dropped)
    assert.are.equal(100000, waiting("k", "slow"))
    local line = "handler 'slow' of k is too slow: events for it are dropped and counted"
    assert.are.equal(1, select(2, node:output():gsub(line, "")))
    node:eval([[return hub:cancel_hook_handlers("k", { "slow" })]])
  end)

  it("that is too slow loses what is too large #notsan", function()
    local before = counters().hooks_dropped
    node:eval([[
      assert(hub:register_hook_handlers("k", { { id = "slow", handler = { "bell", "sleep" } } }))
      for _ = 1, 70 do luahub.hook_manager.dispatch_hook(hub, "k", ("x"):rep(2^20)) end]])
    assert.are.equal(before + 7, counters().hooks_dropped) -- the 64th is some bytes too many
    node:eval([[hub:cancel_hook_handlers("k", { "slow" })]])
    node:eval([[
      assert(hub:register_hook_handlers("k", { { id = "quick", handler = { "ears", "note", "q" } } }))
      return luahub.hook_manager.dispatch_hook(hub, "k", "room again")]])
    hears(world, "ears", { "n1 q room again" })
  end)
end)

describe("Handlers of several nodes", function()
  local KEYS = { "post_node_join", "post_node_leave", "child_registered", "child_pid_updated" }

  it("T-007, T-010, L-9, L-16: see joins, restarts, moves and a death, and for which children", function()
    local children = '{ { id = "note", handler = { "ears", "children", "redistribution" } } }'
    local hooks = { "pre_children_redistribution = " .. children }
    for i, key in ipairs(KEYS) do
      hooks[i + 1] = ('%s = { { id = "note", handler = { "ears", "note", %q } } }'):format(key, key)
    end
    cluster.with({ hub = ("hooks = { %s }"):format(table.concat(hooks, ", ")) }, function(world)
      local ids = cluster.ids("c", 60)
      local n1 = world:start("n1")
      n1:start_children(ids)

      -- How often each line was written since the last look, as "line" -> count.
      local function told(pattern)
        local found, count = {}, 0
        for _, line in ipairs(lines_of(world, "ears")) do
          local rest = line:match("^" .. pattern .. "$")
          if rest then found[rest], count = (found[rest] or 0) + 1, count + 1 end
        end
        return found, count
      end
      local function once_each(what, pattern, expected)
        cluster.eventually(what, function()
          local _, count = told(pattern)
          return count >= #expected, count
        end)
        local found, count = told(pattern)
        assert.are.equal(#expected, count, what)
        for _, id in ipairs(expected) do
          assert.are.equal(1, found[id], what .. ": " .. id)
        end
      end

      once_each("all began", "n1 child_registered (.*)", ids)
      for _, id in ipairs(ids) do
        n1:try(([[return hub:call(%q, "crash")]]):format(id))
      end
      world:settled({ n1 }, ids)
      cluster.eventually("each restart was told once", function()
        local _, count = told("n1 child_pid_updated (.*)")
        return count == #ids, count
      end)
      once_each("each restart, once", "n1 child_pid_updated (.*)", ids)

      os.remove(world.directory .. "/ears")
      local n2 = world:start("n2", { join = { n1 } })
      local places = world:settled({ n1, n2 }, ids)
      local moved = {}
      for _, id in ipairs(ids) do
        if places[id] == "n2" then moved[#moved + 1] = id end
      end
      assert.is_true(#moved > 0)
      once_each("the join", "(n%d post_node_join n%d)", { "n1 post_node_join n2" })
      once_each("who leaves for n2", "n1 redistribution node_join n2 (.*)", moved)
      once_each("who begins on n2", "n2 child_registered (.*)", moved)

      os.remove(world.directory .. "/ears")
      n2:kill()
      world:settled({ n1 }, ids)
      once_each("the death", "(n%d post_node_leave n%d)", { "n1 post_node_leave n2" })
      once_each("who comes from the dead", "n1 redistribution node_leave n2 (.*)", moved)
      once_each("who begins again", "n1 child_registered (.*)", moved)

      n2 = world:start("n2", { join = { n1 } })
      world:settled({ n1, n2 }, ids)
      os.remove(world.directory .. "/ears")
      assert.are.equal(0, n2:leave())
      world:settled({ n1 }, ids)
      once_each("who leaves with n2", "n2 redistribution node_leave n2 (.*)", moved)
    end)
  end)
end)
