-- hook.lua - hooks a second, and what handlers that are slow, endless or raise cost a hub: two nodes.

local M = { figures = { "hook_waiting", "hook_immediate", "hook_start_cost", "hook_longest" } }

local RUNS, EVENTS, CHILDREN, SINGLE = 5, 50000, 10000, 100

local HUB = [[hooks = {
  now = { { id = "now", immediate = true, handler = function() end } },
  spin = { { id = "spin", immediate = true, handler = function() while true do end end } },
}]]

local NOW = [[local now_ns = require("luahub.core").now_ns ]]
local HANDLED = NOW .. [[
  local function handled()
    return luahub.counters().node.hooks_run
  end
  local function wait_for(count)
    while handled() < count do luahub.sleep(1) end
    return now_ns()
  end ]]

-- Events that all wait until the first has passed: how quickly a handler takes them.
local WAITING = HANDLED .. [[
  luahub.storage.remove(hub, "open")
  hub:cancel_hook_handlers("bell", { "gate" })
  assert(hub:register_hook_handlers("bell", { { id = "gate", handler = { "bench_hook", "gate" } } }))
  local before = handled()
  luahub.hook_manager.dispatch_hook(hub, "bell", "gate")
  for i = 1, %d do luahub.hook_manager.dispatch_hook(hub, "bell", i) end
  luahub.storage.insert(hub, "open", true)
  wait_for(before + 1)
  local began = now_ns()
  return wait_for(before + 1 + %d) - began]]

local IMMEDIATE = HANDLED .. [[
  local before, began = handled(), now_ns()
  for i = 1, %d do luahub.hook_manager.dispatch_hook(hub, "now", i) end
  return wait_for(before + %d) - began]]

local function rates(node, chunk)
  local out = {}
  for i = 1, RUNS do
    out[i] = EVENTS / node:ask(chunk, EVENTS, EVENTS) * 1e9
  end
  return out
end

local function start_and_stop(node)
  local ns = node:ask("return probe.start(1, %d)", CHILDREN).ns
  node:ask("return probe.stop(1, %d)", CHILDREN)
  return ns
end

local function register_bad(node)
  node:ask([[
    for _, key in ipairs { "child_registered", "child_unregistered" } do
      local list = {}
      for i, how in ipairs { "sleep", "loop", "raise" } do
        list[i] = { id = how, handler = { "bench_hook", how } }
      end
      hub:cancel_hook_handlers(key, { "sleep", "loop", "raise" })
      assert(hub:register_hook_handlers(key, list))
    end]])
end

-- Starts and calls one by one, while handlers of both nodes and the program are busy: the longest in ms.
local LONGEST = NOW .. [[
  for _ = 1, 400 do luahub.hook_manager.dispatch_hook(hub, "spin", 1) end
  local longest = 0
  for i = 1, %d do
    local id = "single" .. i
    local began = now_ns()
    assert(hub:start_child({ id = id, start = { "bench_server" } }, { awaitable = true }):await():status() == "ok")
    local started = now_ns()
    assert(hub:call(id, 1))
    longest = math.max(longest, started - began, now_ns() - started)
  end
  local ids = {}
  for i = 1, %d do ids[i] = "single" .. i end
  hub:stop_children(ids, { awaitable = true }):await()
  return longest]]

function M.run(bench)
  bench.cluster.with(2, { hub = HUB }, function(_, n1, n2)
    bench.report("hook_waiting", rates(n1, WAITING))
    bench.report("hook_immediate", rates(n1, IMMEDIATE))
    start_and_stop(n1)
    local without = {}
    for i = 1, RUNS do
      without[i] = start_and_stop(n1)
    end
    local cost, longest = {}, {}
    for i = 1, RUNS do
      register_bad(n1)
      register_bad(n2)
      cost[i] = (start_and_stop(n1) / without[i] - 1) * 100
      longest[i] = n1:ask(LONGEST, SINGLE, SINGLE) / 1e6
    end
    bench.report("hook_start_cost", cost)
    bench.report("hook_longest", longest)
  end)
end

return M
