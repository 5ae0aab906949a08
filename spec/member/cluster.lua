-- What the specs of the member room share: a formed cluster, waiting on the virtual clock, figures.
local member = require "luahub_test.member"

local cluster = {}

--- A cluster of `nodes` that joined one after the other through the first.
function cluster.form(nodes, options)
  options = options or {}
  options.nodes = nodes
  local sim = member.new(options)
  for index = 1, nodes do
    sim:start(index, index > 1 and 1 or nil)
    sim:run(5)
  end
  assert(cluster.wait(sim, 10000, function() return sim:agree() end))
  return sim
end

--- Runs until `condition` holds; the virtual milliseconds it took, or nil and what the condition said last.
function cluster.wait(sim, limit, condition)
  local start = sim:now()
  while true do
    local ok, why = condition()
    if ok then return sim:now() - start end
    if sim:now() - start >= limit then return nil, why end
    sim:run(10)
  end
end

--- True when every node of `observers` sees `subject` in `state`.
function cluster.all_see(sim, observers, subject, state)
  for _, observer in ipairs(observers) do
    local seen = sim:state(observer, subject)
    if seen ~= state then return false, ("n%d sees n%d as %s"):format(observer, subject, seen) end
  end
  return true
end

function cluster.others(nodes, ...)
  local without, list = {}, {}
  for _, index in ipairs { ... } do without[index] = true end
  for index = 1, nodes do
    if not without[index] then list[#list + 1] = index end
  end
  return list
end

--- The sum of a counter over nodes.
function cluster.sum(sim, nodes, name)
  local sum = 0
  for _, index in ipairs(nodes) do sum = sum + sim:counters(index)[name] end
  return sum
end

-- Until every one of `observers` has `victim` for dead; the ms that it took. Who knows is not looked at again.
local function until_known(sim, observers, victim, limit)
  return assert(cluster.wait(sim, limit, function()
    while observers[1] and sim:state(observers[#observers], victim) == "dead" do observers[#observers] = nil end
    return not observers[1]
  end), "not all know of the death")
end

--- Runs `count` crashes, each in a cluster of its own; the times until the last live node knew, sorted.
function cluster.crashes(nodes, how, count)
  local times = {}
  for seed = 1, count do
    local sim = cluster.form(nodes, { seed = seed })
    sim:run(2000 + seed * 37)
    local victim = seed % nodes + 1
    sim[how](sim, victim)
    times[seed] = until_known(sim, cluster.others(nodes, victim), victim, 20000)
    assert(sim:stats().false_verdicts == 0, "a healthy node was declared dead, seed " .. seed)
  end
  table.sort(times)
  return times
end

local IN_TURN = 100 -- crashes of one cluster

--- The same, one after the other in one cluster, and the next hundred in a new one: who crashed comes back before the
--- next does.
function cluster.crashes_in_turn(nodes, how, count)
  local sim, times = nil, {}
  for i = 1, count do
    if (i - 1) % IN_TURN == 0 then sim = cluster.form(nodes, { seed = i // IN_TURN + 1 }) end
    sim:run(2000 + i % IN_TURN * 37)
    local victim = i * 7 % nodes + 1
    sim[how](sim, victim)
    times[i] = until_known(sim, cluster.others(nodes, victim), victim, 30000)
    assert(sim:stats().false_verdicts == 0, "a healthy node was declared dead, crash " .. i)
    if how ~= "kill" then sim:kill(victim) end
    sim:start(victim, victim % nodes + 1)
    sim:run(5000)
  end
  table.sort(times)
  return times
end

return cluster
