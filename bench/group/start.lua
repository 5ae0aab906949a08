-- start.lua - starts and stops, in one call and one by one, and when the registries agree.

local M = {
  figures = {
    "start_30k", "start_10k", "start_30k_one_node", "start_100k", "start_1m", "agree_30k", "start_single_0",
    "start_single", "stop_30k", "stop_single",
  },
}

local RUNS, SINGLES, BATCH, MILLION = 5, 40, 50000, 1000000

local function rate(count, answer)
  return count / answer.ns * 1e9
end

local function thousands(bench, n1, n2, n3)
  local starts, stops, agree, ten = {}, {}, {}, {}
  for i = 1, RUNS do
    ten[i] = rate(10000, n1:ask("return probe.start(1, 10000)"))
    n1:ask("return probe.stop(1, 10000)")
    local watchers = { n2:send("return probe.wait_rows(30000)"), n3:send("return probe.wait_rows(30000)") }
    local start = n1:ask("return probe.start(1, 30000)")
    starts[i] = rate(30000, start)
    local last = start.began + start.ns
    for _, watcher in ipairs(watchers) do
      last = math.max(last, watcher:answer())
    end
    agree[i] = (last - start.began) / 1e6
    stops[i] = rate(30000, n1:ask("return probe.stop(1, 30000)"))
    n2:ask("return probe.wait_rows(0)")
    n3:ask("return probe.wait_rows(0)")
  end
  bench.report("start_10k", ten)
  bench.report("start_30k", starts)
  bench.report("agree_30k", agree)
  bench.report("stop_30k", stops)
end

local function singles(bench, node, start_name, stop_name)
  local starts, stops = {}, {}
  for i = 1, 3 do
    local answer = node:ask("return probe.singles(%d)", SINGLES)
    starts[i], stops[i] = answer.start / 1e6, answer.stop / 1e6
  end
  bench.report(start_name, starts)
  if stop_name then bench.report(stop_name, stops) end
end

local function many(bench, n1, n2, n3)
  n1:ask("return probe.start(1, 1000)")
  singles(bench, n1, "start_single_0")
  n1:ask("return probe.stop(1, 1000)")
  bench.report("start_100k", { rate(100000, n1:ask("return probe.start(1, 100000)")) })
  singles(bench, n1, "start_single", "stop_single")
  local began = bench.now_ns()
  for from = 100001, MILLION, BATCH do
    n1:ask("return probe.start(%d, %d)", from, math.min(from + BATCH - 1, MILLION))
  end
  bench.report("start_1m", { (MILLION - 100000) / (bench.now_ns() - began) * 1e9 })
  for _, node in ipairs({ n1, n2, n3 }) do
    node:ask("return probe.wait_rows(%d)", MILLION)
  end
end

function M.run(bench)
  bench.cluster.with(1, nil, function(_, node)
    local starts = {}
    for i = 1, RUNS do
      starts[i] = rate(30000, node:ask("return probe.start(1, 30000)"))
      node:ask("return probe.stop(1, 30000)")
    end
    bench.report("start_30k_one_node", starts)
  end)
  bench.cluster.with(3, nil, function(_, n1, n2, n3)
    thousands(bench, n1, n2, n3)
    many(bench, n1, n2, n3)
  end)
end

return M
