-- recovery.lua - one of three nodes, or of five, is killed in a hub of each partition strategy; how long until its
-- children run elsewhere, as all others find, and what of that no start may come before: what the dead node ran may run
-- on as long as its lease lasts. Each run has a cluster of its own.

local M = { figures = {} }

local COUNT, RUNS, PATIENCE_MS, READY_MS = 30000, 2, 60000, 30000

-- How each is configured for so many nodes.
local KINDS = {
  { "divergence", "divergence {}", "divergence {}" },
  { "static", "static_quorum { size = 2, of = 3 }", "static_quorum { size = 3, of = 5 }", leased = true },
  { "majority", "majority_quorum { initial_size = 3 }", "majority_quorum { initial_size = 5 }", leased = true },
  { "dynamic", "dynamic_quorum { initial_size = 3, size = 51 }", "dynamic_quorum { initial_size = 5, size = 51 }",
    leased = true },
}

for _, kind in ipairs(KINDS) do
  for _, nodes in ipairs({ 3, 5 }) do
    local name = ("recovery_%s_%d"):format(kind[1], nodes)
    M.figures[#M.figures + 1] = name
    if kind.leased then M.figures[#M.figures + 1] = name .. "_beyond" end
  end
end

-- The sum that csrc/hub/hub.h makes of its parts: a start that comes sooner could be one too many.
local function lease_wait(bench)
  local source, parts = bench.cluster.read(bench.root .. "/csrc/hub/hub.h"), {}
  for _, name in ipairs({ "LEASE_MS", "LEASE_HOLD_MS", "LEASE_STOP_MS", "LEASE_ASK_MS" }) do
    parts[name] = assert(tonumber(source:match("LH_" .. name .. " = (%d+),")), name)
  end
  return (parts.LEASE_MS + parts.LEASE_HOLD_MS + parts.LEASE_STOP_MS) * 102 // 100 + parts.LEASE_ASK_MS
end

-- From the signal until every child has a pid on a node that lives, in ms.
local function once(bench, kind, count)
  local took
  local hub = "partition_tolerance = luahub.partition_tolerance." .. kind[count == 3 and 2 or 3]
  bench.cluster.with(count, { hub = hub, keeps = kind.leased }, function(cluster, n1, n2)
    n1:ask("return probe.wait_quorum(%d)", READY_MS)
    n1:ask("return probe.start(1, %d)", COUNT)
    n2:ask("return probe.wait_rows(%d)", COUNT)
    local dead, watchers = cluster.nodes[count], {}
    for i = 1, count - 1 do
      watchers[i] = cluster.nodes[i]:send("return probe.wait_recovered('n%d', %d, %d)", count, COUNT, PATIENCE_MS)
    end
    bench.cluster.sleep(0.3)
    local at, last = dead:signal("KILL"), 0
    for _, watcher in ipairs(watchers) do
      last = math.max(last, watcher:answer())
    end
    took = (last - at) / 1e6
  end)
  return took
end

function M.run(bench)
  local wait = lease_wait(bench)
  for _, kind in ipairs(KINDS) do
    for _, nodes in ipairs({ 3, 5 }) do
      local name, whole, beyond = ("recovery_%s_%d"):format(kind[1], nodes), {}, {}
      for i = 1, RUNS do
        whole[i] = once(bench, kind, nodes)
        beyond[i] = whole[i] - wait
      end
      bench.report(name, whole)
      if kind.leased then bench.report(name .. "_beyond", beyond) end
    end
  end
end

return M
