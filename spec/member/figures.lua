-- Figures of membership alone on the virtual clock: how soon all know of a crash, wrong verdicts in a day, load.
-- Prints the tables of doc/detection.md and, with that file as its argument, writes them into it between its marks.
-- Exit status 1 when a figure is worse than what it has to reach.
--
--   make figures
local cluster = dofile "spec/member/cluster.lua"

local BEGIN, END = "<!-- figures -->", "<!-- end of the figures -->"
local DAY = 24 * 3600 * 1000

-- nodes, crashes, and what has to be reached: median and 99th percentile in ms.
local CRASHES = {
  { 3, 300, 2800, 3400 }, { 10, 300, 2900, 4500 }, { 30, 200, 3900, 5700 },
  { 100, 800, 4900, 7200, in_turn = true }, { 500, 100, 6600, 9700, in_turn = true },
}
-- nodes, loss, and the most wrong verdicts in a day of each node.
local DAYS = {
  { 3, 0, 0 }, { 10, 0, 0 }, { 30, 0, 0 }, { 3, 0.05, 0 }, { 10, 0.05, 0 }, { 30, 0.05, 0 },
  { 3, 0.2, 1 }, { 10, 0.2, 1 }, { 30, 0.2, 1 },
}

local lines, bad = { BEGIN, "" }, 0

local function say(format, ...)
  lines[#lines + 1] = format:format(...)
  print(lines[#lines])
end

local function mark(good)
  if not good then bad = bad + 1 end
  return good and "" or " **missed**"
end

local function crashes(nodes, count, median, p99, in_turn, how)
  local times = (in_turn and cluster.crashes_in_turn or cluster.crashes)(nodes, how, count)
  local half, most = times[#times // 2 + 1], times[math.ceil(#times * 0.99)]
  local good = half <= median and most <= p99
  how = how == "kill" and "killed" or "stands still"
  say("| %d | %s | %d | %d | %d | %d | %d, %d%s |",
    nodes, how, count, half, most, times[#times], median, p99, mark(good))
end

local function day(nodes, loss, most)
  local sim = cluster.form(nodes, { seed = 7, twice = 0.02, delay_max = 10 })
  sim:loss(loss)
  for _ = 1, 24 do sim:run(DAY // 24) end
  local wrong = sim:stats().false_verdicts
  local suspicions = cluster.sum(sim, cluster.others(nodes), "suspicions")
  say("| %d | %g %% | %d | %d | %.2f | %d%s |", nodes, loss * 100, suspicions, wrong, wrong / nodes, most,
    mark(wrong / nodes <= most))
end

local function load(nodes)
  local sim = cluster.form(nodes)
  sim:run(30000)
  local before = sim:stats()
  sim:run(60000)
  local after = sim:stats()
  local function rate(name) return (after[name] - before[name]) / 60 / nodes end
  say("| %d | %.1f | %.0f | %.0f |", nodes, rate "datagrams", rate "datagram_bytes", rate "control_bytes")
end

say "| nodes | one of them | crashes | median ms | 99 %% ms | longest ms | to reach: median, 99 %% |"
say "|---|---|---|---|---|---|---|"
for _, how in ipairs { "stall", "kill" } do
  for _, row in ipairs(CRASHES) do crashes(row[1], row[2], row[3], row[4], row.in_turn, how) end
end
say ""
say "| nodes | loss | suspicions in a day | wrong verdicts | for each node | at most |"
say "|---|---|---|---|---|---|"
for _, row in ipairs(DAYS) do day(table.unpack(row)) end
say ""
say "| nodes | datagrams a second | bytes a second in them | on streams |"
say "|---|---|---|---|"
for _, nodes in ipairs { 3, 100 } do load(nodes) end
lines[#lines + 1] = "\n" .. END

if arg[1] then
  local file = assert(io.open(arg[1], "r"))
  local text = file:read "a"
  file:close()
  local from, to = text:find(BEGIN, 1, true), select(2, text:find(END, 1, true))
  file = assert(io.open(arg[1], "w"))
  file:write(text:sub(1, from - 1), table.concat(lines, "\n"), text:sub(to + 1))
  file:close()
end
os.exit(bad == 0 and 0 or 1)
