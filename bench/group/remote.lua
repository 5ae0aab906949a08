-- remote.lua - calls and casts between servers of two nodes of three, beside the bare ping-pong of the machine.

local machine = require("group.machine")

local M = {
  figures = {
    "remote_over_ping", "remote_p50", "remote_p99", "remote_p999", "remote_calls_1", "remote_calls_8", "remote_cast",
  },
}

local RUNS, CALLS, CASTS = 7, 3000, 200000

local function latencies(bench, node)
  local p50, p99, p999, over = {}, {}, {}, {}
  for i = 1, RUNS do
    local q = node:ask("return probe.child('call_times', 'n1', 'n2', 1000, { value = 'integer', count = %d })", CALLS)
    local ping = machine.limits(bench, "ping", CALLS)
    p50[i], p99[i], p999[i], over[i] = q.p50 / 1e3, q.p99 / 1e3, q.p999 / 1e3, q.p50 / ping
  end
  bench.report("remote_over_ping", over)
  bench.report("remote_p50", p50)
  bench.report("remote_p99", p99)
  bench.report("remote_p999", p999)
end

local function rates(node, callers)
  local out = {}
  for i = 1, RUNS do
    local ns = node:ask("return probe.children('calls', 'n1', 'n2', %d, { value = 'integer', count = %d })",
      callers, CALLS)
    out[i] = callers * CALLS / ns * 1e9
  end
  return out
end

function M.run(bench)
  bench.cluster.with(3, nil, function(_, n1)
    n1:ask("return probe.start(1, 1000)")
    latencies(bench, n1)
    bench.report("remote_calls_1", rates(n1, 1))
    bench.report("remote_calls_8", rates(n1, 8))
    local casts = {}
    for i = 1, RUNS do
      local answer = n1:ask("return probe.cast('n1', 'n2', 100, %d)", CASTS)
      assert(answer.missing == 0, ("%d casts were lost"):format(answer.missing))
      casts[i] = CASTS / answer.ns * 1e9
    end
    bench.report("remote_cast", casts)
  end)
end

return M
