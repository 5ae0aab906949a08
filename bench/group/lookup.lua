-- lookup.lua - reads of the registry from inside a child, on a node with one scheduler and 10,000 rows.

local M = { figures = { "get_pid", "get_pid_churn", "child_lookup" } }

local RUNS, COUNT, ROUNDS = 5, 10000, 60

local function rate(node, method, rounds)
  local ns = node:ask("return probe.child('lookups', 'n1', 'n1', 1000, { method = '%s', count = %d, rounds = %d })",
    method, COUNT, rounds)
  return COUNT * rounds / ns * 1e9
end

function M.run(bench)
  bench.cluster.with(2, { schedulers = 1 }, function(_, n1, n2)
    n1:ask("return probe.start(1, %d)", COUNT)
    local still, churned, lookups = {}, {}, {}
    for i = 1, RUNS do
      still[i] = rate(n1, "get_pid", ROUNDS)
      lookups[i] = rate(n1, "child_lookup", ROUNDS // 10)
      local churn = n2:send("return probe.churn(300)")
      churned[i] = rate(n1, "get_pid", ROUNDS)
      churn:answer()
    end
    bench.report("get_pid", still)
    bench.report("get_pid_churn", churned)
    bench.report("child_lookup", lookups)
  end)
end

return M
