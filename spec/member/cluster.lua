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

--- Runs `count` crashes in clusters of `nodes`; the times until the last live node knew, sorted.
function cluster.crashes(nodes, how, count)
  local times = {}
  for seed = 1, count do
    local sim = cluster.form(nodes, { seed = seed })
    sim:run(2000 + seed * 37)
    local victim = seed % nodes + 1
    local observers = cluster.others(nodes, victim)
    sim[how](sim, victim)
    local limit = 20000
    times[#times + 1] = assert(cluster.wait(sim, limit, function()
      return cluster.all_see(sim, observers, victim, "dead")
    end))
    assert(sim:stats().false_verdicts == 0, "a healthy node was declared dead, seed " .. seed)
  end
  table.sort(times)
  return times
end

return cluster
