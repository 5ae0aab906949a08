-- drain.lua - children with 100 bytes of state are handed over: the 10,000 of a node that is drained, and the 10,000
-- that go to a node that joins. Each was called once before, and must count on afterwards.

local M = { figures = { "drain_10k", "hot_join_10k", "hot_join_longest_call" } }

local RUNS, COUNT, SAMPLE, QUIET_MS, CALL_MS = 3, 30000, 3000, 700, 4000
local HOT = { hub = "migration = luahub.migration.hot_swap { handover = true }" }

local function share(node)
  return node:ask("return #hub:process_list('local')")
end

local function called(node, times)
  local sum = node:ask("return probe.count_all(%d)", COUNT)
  assert(sum == times * COUNT, ("the children have counted %d instead of %d"):format(sum, times * COUNT))
end

local function drain(bench, cluster, n1, n2, n3)
  n1:ask("return probe.start(1, %d, 'bench_state')", COUNT)
  for _, node in ipairs(cluster.nodes) do
    node:ask("return probe.wait_rows(%d)", COUNT)
  end
  called(n2, 1)
  local had = share(n3)
  assert(had > COUNT / 5, "the node has not got its share")
  local began = bench.now_ns()
  local result = n3:ask("return assert(hub:drain())")
  local took = (bench.now_ns() - began) / 1e6
  assert(result.moved == had and #result.failed == 0 and share(n3) == 0, "not all were handed on")
  called(n1, 2)
  return took
end

local function join(bench, cluster, n1, n2)
  n1:ask("return probe.start(1, %d, 'bench_state')", COUNT)
  n2:ask("return probe.wait_rows(%d)", COUNT)
  called(n2, 1)
  local caller = n1:send("return probe.longest_call(%d, %d)", COUNT, CALL_MS)
  bench.cluster.sleep(0.3)
  local began = bench.now_ns()
  local n3 = cluster:launch("n3")
  local watchers = {}
  for k, node in ipairs({ n1, n2 }) do
    watchers[k] = node:send("return probe.settle(3, %d, %d, %d)", COUNT, SAMPLE, QUIET_MS)
  end
  n3:ready()
  watchers[3] = n3:send("return probe.settle(3, %d, %d, %d)", COUNT, SAMPLE, QUIET_MS)
  local last = 0
  for _, watcher in ipairs(watchers) do
    last = math.max(last, watcher:answer())
  end
  local calls = caller:answer()
  assert(calls.failed == 0, ("%d calls failed during the join"):format(calls.failed))
  assert(share(n3) > COUNT / 5, "the new node has not got its share")
  called(n1, 2)
  return (last - began) / 1e6, calls.longest / 1e6
end

function M.run(bench)
  local drained, joined, longest = {}, {}, {}
  for i = 1, RUNS do
    bench.cluster.with(3, HOT, function(...)
      drained[i] = drain(bench, ...)
    end)
    bench.cluster.with(2, HOT, function(...)
      joined[i], longest[i] = join(bench, ...)
    end)
  end
  bench.report("drain_10k", drained)
  bench.report("hot_join_10k", joined)
  bench.report("hot_join_longest_call", longest)
end

return M
