-- many.lua - fifty nodes on this machine: from the first exec until each sees all, and what they take together.

local M = { figures = { "many_see", "many_pss", "many_rss" } }

local NODES = 50
local CALM_S = 6 -- five seconds after its last link came up a node lets go of what only that needed

function M.run(bench)
  local cluster = bench.cluster.new({ schedulers = 1 })
  local ok, problem = pcall(function()
    local began = bench.now_ns()
    cluster:start("n1")
    for i = 2, NODES do
      cluster:launch("n" .. i)
    end
    for i = 2, NODES do
      cluster.nodes[i]:ready()
    end
    local last, questions = 0, {}
    for i, node in ipairs(cluster.nodes) do
      questions[i] = node:send("return probe.wait_nodes(%d, 60000)", NODES)
    end
    for _, question in ipairs(questions) do
      last = math.max(last, question:answer())
    end
    bench.report("many_see", { (last - began) / 1e9 })
    bench.cluster.sleep(CALM_S)
    local pss, rss = 0, 0
    for _, node in ipairs(cluster.nodes) do
      pss, rss = pss + node:pss(), rss + node:rss()
    end
    bench.report("many_pss", { pss / 1e6 })
    bench.report("many_rss", { rss / 1e6 })
  end)
  cluster:close()
  if not ok then error(problem, 0) end
end

return M
