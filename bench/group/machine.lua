-- machine.lua - what the machine itself allows.

local M = { figures = { "machine_ping", "machine_wake", "machine_resume", "machine_spawn" } }

local RUNS, ROUNDS, RESUMES = 5, 5000, 2000000

--- p50, p99 and p99.9 of bench/c/limits.c, in ns.
function M.limits(bench, what, rounds)
  local text = bench.cluster.output_of(("'%s' %s %d"):format(bench.limits, what, rounds))
  local p50, p99, p999 = text:match("^(%d+) (%d+) (%d+)")
  return assert(tonumber(p50), "bench/c/limits.c failed"), tonumber(p99), tonumber(p999)
end

local function resume(bench)
  local co = coroutine.wrap(function()
    while true do
      coroutine.yield()
    end
  end)
  local began = bench.now_ns()
  for _ = 1, RESUMES do
    co()
  end
  return (bench.now_ns() - began) / RESUMES
end

function M.run(bench)
  local pings, wakes, resumes, spawns = {}, {}, {}, {}
  for i = 1, RUNS do
    pings[i] = M.limits(bench, "ping", ROUNDS) / 1e3
    wakes[i] = M.limits(bench, "wake", ROUNDS) / 1e3
    resumes[i] = resume(bench)
    local began = bench.now_ns()
    os.execute("exec lua5.4 /dev/null")
    spawns[i] = (bench.now_ns() - began) / 1e6
  end
  bench.report("machine_ping", pings)
  bench.report("machine_wake", wakes)
  bench.report("machine_resume", resumes)
  bench.report("machine_spawn", spawns)
end

return M
