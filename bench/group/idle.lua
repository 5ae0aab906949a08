-- idle.lua - what a cluster of three costs while nothing happens: empty, and with 100,000 children.

local M = { figures = { "idle_cpu", "idle_traffic", "idle_bytes" } }

local WINDOW_S, SETTLE_S = 30, 3 -- a window holds whole periods of what members exchange now and then

-- Bytes that went over loopback, in packets with their headers.
local function sent(bench)
  return tonumber(bench.cluster.read("/proc/net/dev"):match("lo:%s*(%d+)"))
end

-- CPU (% of a core, the mean of the nodes) and bytes a second (of all) over a window.
local function window(bench, nodes)
  local cpu, bytes = 0, sent(bench)
  for _, node in ipairs(nodes) do
    cpu = cpu - node:cpu()
  end
  bench.cluster.sleep(WINDOW_S)
  for _, node in ipairs(nodes) do
    cpu = cpu + node:cpu()
  end
  return cpu / #nodes / WINDOW_S * 100, (sent(bench) - bytes) / WINDOW_S
end

function M.run(bench)
  bench.cluster.with(3, nil, function(cluster, n1)
    bench.cluster.sleep(SETTLE_S)
    local empty_cpu, empty_bytes = window(bench, cluster.nodes)
    n1:ask("return probe.start(1, 100000)")
    bench.cluster.sleep(SETTLE_S)
    local cpu, bytes = window(bench, cluster.nodes)
    bench.report("idle_bytes", { bytes })
    bench.report("idle_cpu", { cpu - empty_cpu })
    bench.report("idle_traffic", { (bytes / math.max(empty_bytes, 1) - 1) * 100 })
  end)
end

return M
