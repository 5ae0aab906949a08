-- node.lua - one idle node: how soon it is ready, and how large.

local M = { figures = { "node_rss", "node_ready" } }

local RUNS, SETTLE_S = 9, 1.5

function M.run(bench)
  local rss, ready = {}, {}
  for i = 1, RUNS do
    local cluster = bench.cluster.new()
    local node = cluster:start("n1")
    ready[i] = node.ready_ns / 1e6
    bench.cluster.sleep(SETTLE_S)
    rss[i] = node:rss() / 1e6
    cluster:close()
  end
  bench.report("node_rss", rss)
  bench.report("node_ready", ready)
end

return M
