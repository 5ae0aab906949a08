-- load.lua - three nodes on a machine whose every core is kept busy twice over: nobody may be taken for dead.

local M = { figures = { "load_verdicts" } }

local COUNT, BUSY_PER_CORE = 3000, 2

local function busy_programs(bench, cluster)
  local cores = tonumber((bench.cluster.output_of("nproc")))
  local pids = {}
  for i = 1, cores * BUSY_PER_CORE do
    pids[i] = cluster:begin("exec lua5.4 -e 'while true do end'")
  end
  return pids
end

-- How often a node held another for dead, and a child was begun anew for that, as all nodes count.
local VERDICTS = [[
  local counters = require("luahub").counters()
  return counters.member.deaths + counters.hub.recovered]]

local function verdicts(nodes)
  local count = 0
  for _, node in ipairs(nodes) do
    count = count + node:ask(VERDICTS)
  end
  return count
end

function M.run(bench)
  local seconds = tonumber(os.getenv("LUAHUB_BENCH_LOAD_S") or "600")
  bench.cluster.with(3, nil, function(cluster, n1)
    n1:ask("return probe.start(1, %d)", COUNT)
    local pids = busy_programs(bench, cluster)
    bench.cluster.sleep(seconds)
    local count = verdicts(cluster.nodes)
    os.execute("kill -KILL " .. table.concat(pids, " "))
    cluster:wait_whole(3)
    bench.report("load_verdicts", { count })
  end)
end

return M
