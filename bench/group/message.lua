-- message.lua - calls and casts between servers of one node with one scheduler.

local M = {
  figures = {
    "call_integer", "call_pair", "call_hub", "call_p50", "call_p99", "call_p999", "cast_local", "call_integer_100k",
    "call_p999_100k",
  },
}

local RUNS, CALLS, IDLE = 5, 200000, 100000

local function measured(node, name, value, count)
  return node:ask("return probe.child('%s', 'n1', 'n1', 100, { value = '%s', count = %d })", name, value, count)
end

local function rates(node, name, value)
  local out = {}
  for i = 1, RUNS do
    out[i] = CALLS / measured(node, name, value, CALLS) * 1e9
  end
  return out
end

local function latencies(node, value, count)
  local p50, p99, p999 = {}, {}, {}
  for i = 1, RUNS do
    local q = measured(node, "call_times", value, count)
    p50[i], p99[i], p999[i] = q.p50 / 1e3, q.p99 / 1e3, q.p999 / 1e3
  end
  return p50, p99, p999
end

function M.run(bench)
  bench.cluster.with(1, { schedulers = 1 }, function(_, node)
    node:ask("return probe.start(1, 200)")
    bench.report("call_integer", rates(node, "calls", "integer"))
    bench.report("call_pair", rates(node, "calls", "pair"))
    bench.report("call_hub", rates(node, "hub_calls", "integer"))
    local p50, p99, p999 = latencies(node, "integer", CALLS)
    bench.report("call_p50", p50)
    bench.report("call_p99", p99)
    bench.report("call_p999", p999)
    local casts = {}
    for i = 1, RUNS do
      local answer = node:ask("return probe.cast('n1', 'n1', 100, %d)", CALLS)
      assert(answer.missing == 0, "casts were lost")
      casts[i] = CALLS / answer.ns * 1e9
    end
    bench.report("cast_local", casts)
    node:ask("return probe.start(201, %d)", IDLE)
    bench.report("call_integer_100k", rates(node, "calls", "integer"))
    -- With tables, so that there is garbage and the collector runs.
    local _, _, idle = latencies(node, "pair", CALLS)
    for i, us in ipairs(idle) do
      idle[i] = us / 1e3
    end
    bench.report("call_p999_100k", idle)
  end)
end

return M
