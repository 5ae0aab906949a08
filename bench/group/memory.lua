-- memory.lua - what a child costs the node that runs it, and its row the others: 100,000 idle servers, all on one of
-- two nodes; what the operating system counts as resident, before and after.

local M = { figures = { "child_bytes", "row_bytes" } }

local COUNT, RUNS, SETTLE_S = 100000, 2, 2

-- A strategy that places everything on the first node by name.
local FIRST = [[distribution = { place = function(ids, view)
  local owners = {}
  for i = 1, #ids do owners[i] = 1 end
  return owners
end }]]

function M.run(bench)
  local children, rows = {}, {}
  for i = 1, RUNS do
    bench.cluster.with(2, { hub = FIRST }, function(_, n1, n2)
      local before1, before2 = n1:rss(), n2:rss()
      for from = 1, COUNT, 10000 do -- the request and the answer of one large call are no part of a child
        n1:ask("return probe.start(%d, %d)", from, from + 9999)
      end
      n2:ask("return probe.wait_rows(%d)", COUNT)
      bench.cluster.sleep(SETTLE_S)
      children[i] = (n1:rss() - before1) / COUNT
      rows[i] = (n2:rss() - before2) / COUNT
    end)
  end
  bench.report("child_bytes", children)
  bench.report("row_bytes", rows)
end

return M
