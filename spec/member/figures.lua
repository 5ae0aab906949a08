-- Prints the figures of failure detection on the virtual clock. Not a spec; from the checkout's root:
--   LUA_CPATH='build/test/?.so;;' lua5.4 spec/member/figures.lua [crashes per row]
local cluster = dofile "spec/member/cluster.lua"

local CRASHES = tonumber(arg[1]) or 100
local HALF_AN_HOUR = 30 * 60 * 1000

local function print_crashes(nodes, how, count)
  local times = cluster.crashes(nodes, how, count)
  local p99 = times[math.ceil(#times * 0.99)]
  print(("%-6s n=%-4d crashes=%-4d median %5d ms  p99 %5d ms  max %5d ms"):format(
    how, nodes, count, times[#times // 2 + 1], p99, times[#times]))
end

local function print_loss(nodes, loss)
  local sim = cluster.form(nodes, { seed = 7, twice = 0.02, delay_max = 10 })
  sim:loss(loss)
  sim:run(HALF_AN_HOUR)
  local all = cluster.others(nodes)
  print(("loss %2d %% n=%-4d 30 minutes  suspicions %5d  wrong verdicts %d"):format(
    loss * 100, nodes, cluster.sum(sim, all, "suspicions"), sim:stats().false_verdicts))
end

local function print_load(nodes)
  local sim = cluster.form(nodes)
  sim:run(30000)
  local before = sim:stats()
  sim:run(60000)
  local after = sim:stats()
  local function rate(name) return (after[name] - before[name]) / 60 / nodes end
  print(("idle   n=%-4d %.1f datagrams/s  %.0f B/s by datagram  %.0f B/s by stream, per node"):format(
    nodes, rate "datagrams", rate "datagram_bytes", rate "control_bytes"))
end

for _, nodes in ipairs { 2, 3, 5, 10, 30 } do print_crashes(nodes, "stall", CRASHES) end
print_crashes(100, "stall", math.max(1, CRASHES // 2))
for _, nodes in ipairs { 2, 3, 10, 30 } do print_crashes(nodes, "kill", CRASHES) end
for _, nodes in ipairs { 3, 10, 30 } do
  for _, loss in ipairs { 0, 0.1, 0.2, 0.3 } do print_loss(nodes, loss) end
end
for _, nodes in ipairs { 3, 100 } do print_load(nodes) end
