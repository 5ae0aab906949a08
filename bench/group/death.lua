-- death.lua - one of three nodes is killed, or stopped where it stands; how long until its children run elsewhere, as
-- both others find. Each run has a cluster of its own.

local M = { figures = { "death_3k", "death_30k", "freeze_30k" } }

local PATIENCE_MS = 30000

-- From the signal until every child has a pid on a node that lives, in ms.
local function once(bench, count, signal)
  local took
  bench.cluster.with(3, nil, function(_, n1, n2, n3)
    n1:ask("return probe.start(1, %d)", count)
    n2:ask("return probe.wait_rows(%d)", count)
    local watchers = {}
    for i, node in ipairs({ n1, n2 }) do
      watchers[i] = node:send("return probe.wait_recovered('n3', %d, %d)", count, PATIENCE_MS)
    end
    bench.cluster.sleep(0.3)
    local at, last = n3:signal(signal), 0
    for _, watcher in ipairs(watchers) do
      last = math.max(last, watcher:answer())
    end
    took = (last - at) / 1e6
    assert(n1:ask("return probe.child('calls', 'n1', 'n2', 1000, { value = 'integer', count = 10 })") > 0)
  end)
  return took
end

local function several(bench, name, runs, count, signal)
  local out = {}
  for i = 1, runs do
    out[i] = once(bench, count, signal)
  end
  bench.report(name, out)
end

function M.run(bench)
  several(bench, "death_3k", 5, 3000, "KILL")
  several(bench, "death_30k", 5, 30000, "KILL")
  several(bench, "freeze_30k", 2, 30000, "STOP")
end

return M
