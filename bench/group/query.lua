-- query.lua - 1,000 children found among 100,000: by their tag, and by a key of their metadata.

local M = { figures = { "tag_query", "metadata_query", "metadata_query_none" } }

local RUNS, COUNT, EVERY = 5, 100000, 100

function M.run(bench)
  bench.cluster.with(1, { schedulers = 1 }, function(_, node)
    node:ask("return probe.tagged(%d, %d)", COUNT, EVERY)
    for _, case in ipairs({
      { "tag_query", "tag_query", "rare", COUNT // EVERY },
      { "metadata_query", "metadata_query", "rare", COUNT // EVERY },
      { "metadata_query_none", "metadata_query", "nobody", 0 },
    }) do
      local ms = {}
      for i = 1, RUNS do
        ms[i] = node:ask("return probe.query(%q, %q, %d)", case[2], case[3], case[4])
      end
      bench.report(case[1], ms)
    end
  end)
end

return M
