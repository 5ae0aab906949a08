-- probe.lua - what the bench asks of a node, in a session on it.

local core = require("luahub.core")
local luahub = require("luahub")
local measure = require("measure")

local probe = {}
local hub -- of the session; each session has a heap of its own
local now_ns = core.now_ns

--- Waits until the hub has `count` nodes; when that was seen.
function probe.wait_nodes(count, ms)
  local deadline = now_ns() + ms * 1000000
  while true do
    local nodes = hub:nodes({ include_local = true })
    if nodes and #nodes == count then return now_ns() end
    if now_ns() > deadline then error(("%d nodes instead of %d"):format(#nodes, count), 0) end
    luahub.sleep(2)
  end
end

--- Waits until the registry here holds `count` rows; when that was seen.
function probe.wait_rows(count, ms)
  local deadline = now_ns() + (ms or 60000) * 1000000
  while core.count(hub.id) ~= count do
    if now_ns() > deadline then error(("%d rows instead of %d"):format(core.count(hub.id), count), 0) end
    luahub.sleep(1)
  end
  return now_ns()
end

local function ids_of(from, to)
  local ids = {}
  for i = from, to do
    ids[#ids + 1] = "c" .. i
  end
  return ids
end

--- Starts children c`from` to c`to` in one call; ns until the future answered.
function probe.start(from, to, module)
  local specs = {}
  for i, id in ipairs(ids_of(from, to)) do
    specs[i] = { id = id, start = { module or "bench_server" } }
  end
  collectgarbage()
  local began = now_ns()
  local result = assert(assert(hub:start_children(specs, { awaitable = true, timeout = 60000 })):await())
  local took = now_ns() - began
  local first = result:errors()[1]
  if first then error(("%s: %s"):format(first.id, first.message), 0) end
  return { ns = took, began = began }
end

--- Starts `count` children with metadata, of which every `every`th has the tag and the key "rare".
function probe.tagged(count, every)
  local specs = {}
  for i, id in ipairs(ids_of(1, count)) do
    local metadata = i % every == 0 and { tag = "rare", rare = i } or { tag = "common", number = i }
    specs[i] = { id = id, start = { "bench_server" }, metadata = metadata }
  end
  local result = assert(assert(hub:start_children(specs, { awaitable = true, timeout = 300000 })):await())
  return result:status() == "ok" or error(result:errors()[1].message)
end

--- How many ms a query takes that finds `expected` children.
function probe.query(method, argument, expected)
  collectgarbage()
  local began = now_ns()
  local found = hub[method](hub, argument)
  local took = now_ns() - began
  assert(#found == expected, #found)
  return took / 1e6
end

function probe.stop(from, to)
  local ids = ids_of(from, to)
  collectgarbage()
  local began = now_ns()
  local result = assert(assert(hub:stop_children(ids, { awaitable = true, timeout = 60000 })):await())
  local took = now_ns() - began
  assert(result:status() == "ok", "stop failed")
  return { ns = took, began = began }
end

--- Starts and stops one child `count` times: the times of each, in ns.
function probe.singles(count)
  local starts, stops = {}, {}
  for i = 1, count do
    starts[i] = probe.start(100000000 + i, 100000000 + i).ns
    stops[i] = probe.stop(100000000 + i, 100000000 + i).ns
    luahub.sleep(2)
  end
  return { start = measure.quantiles(starts).p50, stop = measure.quantiles(stops).p50 }
end

--- Starts and stops a few children over and over, for `ms`.
function probe.churn(ms)
  local deadline, rounds = now_ns() + ms * 1000000, 0
  while now_ns() < deadline do
    probe.start(200000001, 200000200)
    probe.stop(200000001, 200000200)
    rounds = rounds + 1
  end
  return rounds
end

local function node_of(id)
  local pid = hub:get_pid(id)
  return pid and core.pid_node(pid)
end

--- A child's pid: one on the node `name`, of c1 to c`count`, but not `except`.
local function pick(name, count, except)
  for i = 1, count do
    local id = "c" .. i
    if id ~= except and node_of(id) == name then return hub:get_pid(id), id end
  end
  error("no child on " .. name, 0)
end

--- Has a child on node `from` run `measure.NAME` with the request; `to` names the node of the child it calls.
function probe.child(name, from, to, count, request)
  local caller, caller_id = pick(from, count)
  local callee, callee_id = pick(to, count, caller_id)
  request.measure, request.pid, request.id = name, callee, callee_id
  return assert(luahub.call(caller, request, 120000))
end

--- The same in several children at once; the time until the last has answered.
function probe.children(name, from, to, callers, request)
  local refs, callee = {}, pick(to, 1000)
  local done = 0
  local self = luahub.self()
  request.measure, request.pid = name, callee
  local began = now_ns()
  for i = 1, 1000 do
    if #refs < callers and node_of("c" .. i) == from then
      local pid = hub:get_pid("c" .. i)
      refs[#refs + 1] = luahub.spawn(function()
        local _, err = luahub.call(pid, request, 120000)
        luahub.send(self, { done = true, err = err and tostring(err) })
      end)
    end
  end
  while done < callers do
    local message = luahub.receive(120000)
    if message.err then error(message.err, 0) end
    done = done + 1
  end
  return now_ns() - began
end

-- Pids of `count` children on node `name`, but not `except`.
local function pids_on(name, count, except)
  local pids = {}
  for i = 1, 1000 do
    local pid = hub:get_pid("c" .. i)
    if #pids == count then return pids end
    if pid and pid ~= except and core.pid_node(pid) == name then pids[#pids + 1] = pid end
  end
  error("not enough children on " .. name, 0)
end

--- Casts from a child on `from` to `count` children on `to`.
function probe.cast(from, to, targets, count)
  local caller = pick(from, 1000)
  local request = { measure = "casts", pids = pids_on(to, targets, caller), count = count }
  return assert(luahub.call(caller, request, 120000))
end

--- After a death: waits until every child of c1 to c`count` runs on a node other than `dead`. When that was so.
function probe.wait_recovered(dead, count, ms)
  local deadline, next_id = now_ns() + ms * 1000000, 1
  while true do
    while next_id <= count do
      local name = node_of("c" .. next_id)
      if name == nil or name == dead then break end
      next_id = next_id + 1
    end
    if next_id > count then return now_ns() end
    if now_ns() > deadline then error(("c%d does not run"):format(next_id), 0) end
    luahub.sleep(1)
  end
end

--- Waits until the hub may act on this node.
function probe.wait_quorum(ms)
  local deadline = now_ns() + ms * 1000000
  while hub:is_partitioned() or hub:is_locked() do
    if now_ns() > deadline then error("the hub has no quorum", 0) end
    luahub.sleep(5)
  end
  return true
end

--- Watches nodes, rows and the places of `sample` children until nothing has changed for `quiet` ms after `nodes`
--- nodes were seen. When the last change was.
function probe.settle(nodes, rows, sample, quiet)
  local places, changed = {}, now_ns()
  local whole
  local deadline = changed + 60000000000
  repeat
    local names = hub:nodes({ include_local = true }) or {}
    local busy = #names ~= nodes or hub:is_locked() or core.count(hub.id) ~= rows
    for i = 1, sample do
      local pid = hub:get_pid("c" .. i)
      if pid ~= places[i] or not pid then
        busy, places[i] = true, pid
      end
    end
    whole = not busy
    if busy then changed = now_ns() end
    luahub.sleep(3)
  until (whole and now_ns() - changed > quiet * 1000000) or now_ns() > deadline
  return changed
end

--- Calls children in turn for `ms`, from this session: the longest call and how many there were.
function probe.longest_call(count, ms)
  local deadline, longest, calls, failed = now_ns() + ms * 1000000, 0, 0, 0
  local at = 0
  while now_ns() < deadline do
    at = (at + 7919) % count
    local began = now_ns()
    local _, err = hub:call("c" .. at + 1, 7)
    local took = now_ns() - began
    if err then failed = failed + 1 end
    if took > longest then longest = took end
    calls = calls + 1
    luahub.sleep(0)
  end
  return { longest = longest, calls = calls, failed = failed }
end

--- Has each child of bench_state count once more; the sum of their counts.
function probe.count_all(count)
  local sum = 0
  for i = 1, count do
    sum = sum + assert(hub:call("c" .. i, "count"))
  end
  return sum
end

--- How many of the rows are where: { [node] = count }.
function probe.places(count)
  local places = {}
  for i = 1, count do
    local name = node_of("c" .. i) or "nowhere"
    places[name] = (places[name] or 0) + 1
  end
  return places
end

return function(given)
  hub = given
  return probe
end
