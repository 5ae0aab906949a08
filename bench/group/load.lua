-- load.lua - three nodes on a machine whose every core is kept busy twice over: nobody may be taken for dead.

local M = { figures = { "load_verdicts" } }

local COUNT, BUSY_PER_CORE = 3000, 2

local function busy_programs(bench)
  local cores = tonumber((bench.cluster.output_of("nproc")))
  local pids = {}
  for i = 1, cores * BUSY_PER_CORE do
    pids[i] = tonumber((bench.cluster.output_of("lua5.4 -e 'while true do end' >/dev/null 2>&1 & echo $!")))
  end
  return pids
end

-- Children that were begun anew because their node was thought to be dead, as all nodes count.
local function recovered(nodes)
  local count = 0
  for _, node in ipairs(nodes) do
    count = count + node:ask("return require('luahub').counters().hub.recovered")
  end
  return count
end

function M.run(bench)
  local seconds = tonumber(os.getenv("LUAHUB_BENCH_LOAD_S") or "600")
  bench.cluster.with(3, nil, function(cluster, n1)
    n1:ask("return probe.start(1, %d)", COUNT)
    local pids = busy_programs(bench)
    os.execute("sleep " .. seconds)
    local ok, count = pcall(recovered, cluster.nodes)
    for _, pid in ipairs(pids) do
      os.execute(("kill -KILL %d"):format(pid))
    end
    assert(ok, count)
    cluster:wait_whole(3)
    bench.report("load_verdicts", { count })
  end)
end

return M
