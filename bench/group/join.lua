-- join.lua - a third node joins two that run 30,000 children: how long until nothing moves any more, and what the
-- longest call was meanwhile.

local M = { figures = { "join_30k", "join_longest_call" } }

local RUNS, COUNT, SAMPLE, QUIET_MS, CALL_MS = 3, 30000, 3000, 700, 4000

function M.run(bench)
  local settled, longest = {}, {}
  for i = 1, RUNS do
    bench.cluster.with(2, nil, function(cluster, n1, n2)
      n1:ask("return probe.start(1, %d)", COUNT)
      n2:ask("return probe.wait_rows(%d)", COUNT)
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
      settled[i] = (last - began) / 1e6
      local calls = caller:answer()
      assert(calls.failed == 0, ("%d calls failed during the join"):format(calls.failed))
      longest[i] = calls.longest / 1e6
      local places = n3:ask("return probe.places(%d)", COUNT)
      assert(not places.nowhere and (places.n3 or 0) > COUNT / 5, "the new node has not got its share")
    end)
  end
  bench.report("join_30k", settled)
  bench.report("join_longest_call", longest)
end

return M
