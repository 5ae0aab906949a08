-- measure.lua - loops that run inside a child (or a session): each answers what it took, in nanoseconds.

local core = require("luahub.core")
local luahub = require("luahub")

local M = {}

local now_ns = core.now_ns

--- p50, p99, p99.9 and the longest of a list of times, which is sorted.
function M.quantiles(times)
  table.sort(times)
  local n = #times
  local function at(share)
    return times[math.max(1, math.ceil(n * share))]
  end
  return { p50 = at(0.5), p99 = at(0.99), p999 = at(0.999), max = times[n] }
end

local VALUES = { integer = 7, pair = { id = 7, name = "seven" } }

--- `request.count` calls, one after another, of `request.pid`; their whole time.
function M.calls(request)
  local pid, value, call = request.pid, VALUES[request.value], luahub.call
  local began = now_ns()
  for _ = 1, request.count do
    assert(call(pid, value))
  end
  return now_ns() - began
end

--- The same, each call timed.
function M.call_times(request)
  local pid, value, call, times = request.pid, VALUES[request.value], luahub.call, {}
  for i = 1, request.count do
    local began = now_ns()
    assert(call(pid, value))
    times[i] = now_ns() - began
  end
  return M.quantiles(times)
end

--- Calls by the child's id.
function M.hub_calls(request)
  local hub, id = luahub.hub("main"), request.id
  local began = now_ns()
  for _ = 1, request.count do
    assert(hub:call(id, 7))
  end
  return now_ns() - began
end

--- Casts to pids in turn, until each has answered that it took its share.
function M.casts(request)
  local pids, cast = request.pids, luahub.cast
  local before = {}
  for i, pid in ipairs(pids) do
    before[i] = assert(luahub.call(pid, "count"))
  end
  local began = now_ns()
  for i = 1, request.count do
    local pid = pids[i % #pids + 1]
    while not cast(pid, i) do
      luahub.sleep(1)
    end
  end
  local missing = request.count
  for i, pid in ipairs(pids) do
    missing = missing - (assert(luahub.call(pid, "count", 30000)) - before[i])
  end
  return { ns = now_ns() - began, missing = missing }
end

-- ids of children 1 to n, in an order that no cache likes.
local function shuffled(prefix, n)
  local ids, seed = {}, 42
  for i = 1, n do
    ids[i] = prefix .. i
  end
  for i = n, 2, -1 do
    seed = (seed * 1103515245 + 12345) % 2147483648
    local j = seed % i + 1
    ids[i], ids[j] = ids[j], ids[i]
  end
  return ids
end

--- Looks `request.count` children up by `request.method`, each `request.rounds` times.
function M.lookups(request)
  local hub, ids = luahub.hub("main"), shuffled("c", request.count)
  local method = request.method
  local began
  if method == "get_pid" then -- as a user writes it
    began = now_ns()
    for _ = 1, request.rounds do
      for i = 1, #ids do
        if not hub:get_pid(ids[i]) then error("missing") end
      end
    end
  else
    began = now_ns()
    for _ = 1, request.rounds do
      for i = 1, #ids do
        if not hub:child_lookup(ids[i]) then error("missing") end
      end
    end
  end
  return now_ns() - began
end

return M
