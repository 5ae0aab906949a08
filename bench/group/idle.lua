-- idle.lua - what a cluster of three costs while nothing happens: empty, and with 100,000 children.

local M = { figures = { "idle_cpu", "idle_traffic" } }

local WINDOW_S, SETTLE_S = 10, 3

local function sent(nodes)
  local total = 0
  for _, node in ipairs(nodes) do
    local links = node:ask("return require('luahub.core').request('info').links")
    total = total + links.bytes_out
  end
  return total
end

-- CPU (% of a core, the mean of the nodes) and bytes a second (of all) over a window.
local function window(nodes)
  local cpu, bytes = 0, sent(nodes)
  for _, node in ipairs(nodes) do
    cpu = cpu - node:cpu()
  end
  os.execute("sleep " .. WINDOW_S)
  for _, node in ipairs(nodes) do
    cpu = cpu + node:cpu()
  end
  return cpu / #nodes / WINDOW_S * 100, (sent(nodes) - bytes) / WINDOW_S
end

function M.run(bench)
  bench.cluster.with(3, nil, function(cluster, n1)
    os.execute("sleep " .. SETTLE_S)
    local empty_cpu, empty_bytes = window(cluster.nodes)
    n1:ask("return probe.start(1, 100000)")
    os.execute("sleep " .. SETTLE_S)
    local cpu, bytes = window(cluster.nodes)
    io.stderr:write(("bench: idle: %.2f %% and %.0f B/s empty, %.2f %% and %.0f B/s with 100,000 children\n"):format(
      empty_cpu, empty_bytes, cpu, bytes))
    bench.report("idle_cpu", { cpu - empty_cpu })
    bench.report("idle_traffic", { (bytes / math.max(empty_bytes, 1) - 1) * 100 })
  end)
end

return M
