-- demo.lua - three nodes on this machine, shown at work: `sh scripts/demo` or `make demo`.
--
-- The nodes are programs of their own; everything is asked through `luahub eval`, and the children themselves say
-- where they run and how far they have counted. Exit status 0 only if no child was lost or ran twice, and no count
-- was lost that should have been kept. Whatever happens, all nodes are ended by their process ids.

local cjson = require("cjson")

local CHILDREN = 3000
local PATIENCE_S = 20 -- for anything that should take a moment

local CLUSTER = [[
local luahub = require "luahub"
return {
  node = { secret_file = "secret" },
  hubs = { { id = "main", migration = luahub.migration.hot_swap { handover = true } } },
}
]]

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  local ok = pipe:close()
  return text, ok
end

local function read(path)
  local file = io.open(path, "r")
  local text = file and file:read("a")
  if file then file:close() end
  return text
end

local function now()
  return tonumber(read("/proc/uptime"):match("^%S+")) -- seconds, in hundredths
end

local ROOT = output_of("cd " .. quote(arg[0]:match("^(.*)/[^/]*$") or ".") .. "/.. && pwd"):gsub("\n", "")
local PROGRAM = "lua5.4 " .. quote(ROOT .. "/bin/luahub")
local directory = output_of("mktemp -d"):gsub("\n", "")
local nodes = {} -- all that were ever started, in order
local results = {} -- lines of the table at the end
local faults = {}

local function say(text, ...)
  io.stdout:write(text:format(...), "\n")
  io.stdout:flush()
end

local function result(what, value, ...)
  value = value:format(...)
  results[#results + 1] = { what, value }
  say("   %-58s %s", what, value)
end

local function check(ok, text, ...)
  if ok then return end
  faults[#faults + 1] = text:format(...)
  say("   WRONG: %s", faults[#faults])
end

-- --- nodes ---

local function command(arguments, exec)
  local text = "cd %s && export LUAHUB_RUNTIME_DIR=%s && %s%s %s"
  return text:format(directory, directory .. "/run", exec or "", PROGRAM, arguments)
end

local function eventually(what, seconds, test)
  local deadline = now() + seconds
  repeat
    local answer = test()
    if answer then return answer end
    os.execute("sleep 0.01")
  until now() > deadline
  error("waited in vain until " .. what, 0)
end

-- Starts a node on a free port and waits until it is ready.
local function start(name)
  local log = ("%s/%s.log"):format(directory, name)
  local join = nodes[1] and " --join " .. nodes[1].address or ""
  local node = { name = name, log = log }
  local arguments = ("start cluster.lua --name %s --listen 127.0.0.1:0%s"):format(name, join)
  -- exec: the process id that the shell says is the node's.
  local line = command(arguments, "exec ") .. (" >%s 2>&1 </dev/null & echo $!"):format(log)
  node.pid = assert(tonumber((output_of(line))), "no process id for " .. name)
  nodes[#nodes + 1] = node
  local address = eventually(name .. " is ready", PATIENCE_S, function()
    return (read(log) or ""):match("luahub: %S+ ready on (%S+)\n")
  end)
  node.address = address
  say("   %s is ready on %s, process %d", name, address, node.pid)
  return node
end

local function is_running(node)
  local state = (read(("/proc/%d/stat"):format(node.pid)) or ""):match("^%d+ %b() (%a)")
  return state ~= nil and state ~= "Z"
end

-- Kills what still runs; nothing is left behind.
local function clean_up()
  for _, node in ipairs(nodes) do
    if is_running(node) then os.execute(("kill -KILL %d 2>/dev/null"):format(node.pid)) end
  end
  os.execute("rm -rf " .. directory)
end

local function eval(node, chunk)
  local text, ok = output_of(command(("eval %s %s --json --timeout 30000"):format(node.name, quote(chunk))))
  if not ok then error("eval on " .. node.name .. " failed", 0) end
  return cjson.decode("[" .. text .. "]")[1]
end

-- --- the children ---

-- Asks every child, by a call: how far it has counted and where it runs. Lists in the order of the ids' numbers.
local function ask_children(node)
  return eval(node, ([[
    local counts, places = {}, {}
    for i = 1, %d do
      counts[i] = assert(hub:call("counter-" .. i, "get"))
      places[i] = assert(hub:call("counter-" .. i, "where"))
    end
    return { counts = counts, places = places }]]):format(CHILDREN))
end

-- Adds one to every counter, asked from this node.
local function count_from(node)
  local began = now()
  eval(node, ([[
    for i = 1, %d do assert(hub:call("counter-" .. i, "increment")) end
    return true]]):format(CHILDREN))
  return now() - began
end

-- What the nodes themselves say they run: how many of the children run once, and the words for what is wrong. Quick
-- enough to be asked again and again.
local WHOLE = [==[
  local seen, once, problem = {}, 0, nil
  for _, node in ipairs(luahub.distributor.which_children_global(hub)) do
    if node.error then problem = node.node .. " is silent" end
    for _, child in ipairs(node.children or {}) do
      if type(child[2]) == "string" then problem = child[1] .. " is " .. child[2]
      elseif seen[child[1]] then problem = child[1] .. " runs twice"
      else seen[child[1]], once = true, once + 1 end
    end
  end
  local nodes = hub:nodes { include_local = true }
  if hub:is_locked() then problem = "the hub is still moving children" end
  if once ~= %d then problem = problem or once .. " run" end
  if #hub:process_list("global") ~= %d then problem = problem or "the registry is not whole" end
  return { nodes = table.concat(nodes, " "), problem = problem or "none" }
]==]

local function whole_on(node, names)
  local answer = eval(node, WHOLE:format(CHILDREN, CHILDREN))
  return answer.problem == "none" and answer.nodes == names, answer.problem
end

-- Waits until each of these nodes finds every child running once, on these nodes alone.
local function wait_whole(list)
  local names = {}
  for i, node in ipairs(list) do
    names[i] = node.name
  end
  table.sort(names)
  names = table.concat(names, " ")
  for _, node in ipairs(list) do
    local problem
    local ok, why = pcall(eventually, "every child runs once", PATIENCE_S, function()
      local whole
      whole, problem = whole_on(node, names)
      return whole
    end)
    if not ok then error(("%s, as %s sees it: %s"):format(why, node.name, tostring(problem)), 0) end
  end
end

local function sum(counts)
  local total = 0
  for _, count in ipairs(counts) do
    total = total + count
  end
  return total
end

local function tally(places)
  local counts, names, words = {}, {}, {}
  for _, name in ipairs(places) do
    if not counts[name] then names[#names + 1] = name end
    counts[name] = (counts[name] or 0) + 1
  end
  table.sort(names)
  for i, name in ipairs(names) do
    words[i] = ("%s %d"):format(name, counts[name])
  end
  return table.concat(words, ", "), counts
end

-- Which way children went between two answers of ask_children: lines "n3 -> n1  504".
local function show_moves(before, after)
  local counts, ways = {}, {}
  for i = 1, CHILDREN do
    if before.places[i] ~= after.places[i] then
      local way = ("%s -> %s"):format(before.places[i], after.places[i])
      if not counts[way] then ways[#ways + 1] = way end
      counts[way] = (counts[way] or 0) + 1
    end
  end
  table.sort(ways)
  for _, way in ipairs(ways) do
    say("      %s  %d children", way, counts[way])
  end
  return counts
end

-- Every counter must have the count it had, but for those that `may_restart` names: these must be 0.
local function compare(before, after, may_restart)
  local wrong = 0
  for i = 1, CHILDREN do
    local wanted = may_restart(i) and 0 or before.counts[i]
    if after.counts[i] ~= wanted then wrong = wrong + 1 end
  end
  check(wrong == 0, "%d counters have another count than they should", wrong)
end

local function never()
  return false
end

-- --- the acts ---

local function act_start()
  say("1. Three nodes, each a program of its own")
  local n1, n2, n3 = start("n1"), start("n2"), start("n3")
  eventually("the three see each other", PATIENCE_S, function()
    return eval(n1, [[return table.concat(hub:nodes { include_local = true }, " ")]]) == "n1 n2 n3"
  end)
  say("\n2. %d counters, started in one call on n1", CHILDREN)
  local began = now()
  local status = eval(n1, ([[
    local specs = {}
    for i = 1, %d do specs[i] = { id = "counter-" .. i, start = { "counter" } } end
    return hub:start_children(specs, { awaitable = true }):await():status()]]):format(CHILDREN))
  local took = now() - began
  check(status == "ok", "the start answered %s", status)
  wait_whole({ n1, n2, n3 })
  result("started, the program's own start included", "%d in %.2f s", CHILDREN, took)
  return n1, n2, n3
end

local function act_count(list)
  say("\n3. Each counter is incremented once from each node, by calls")
  local took = 0
  for _, node in ipairs(list) do
    took = took + count_from(node)
  end
  local found = ask_children(list[1])
  result("calls answered", "%d, %.0f a second", #list * CHILDREN, #list * CHILDREN / took)
  result("placed by the hub", "%s", (tally(found.places)))
  result("sum of the counters, as they say themselves", "%d of %d", sum(found.counts), #list * CHILDREN)
  check(sum(found.counts) == #list * CHILDREN, "the sum is not what was counted")
  return found
end

local function act_kill(n1, n2, n3, before)
  say("\n4. kill -9 %d: n3 is gone without a word", n3.pid)
  local _, counts = tally(before.places)
  local began = now()
  os.execute(("kill -KILL %d"):format(n3.pid))
  wait_whole({ n1, n2 })
  local took = now() - began
  local after = ask_children(n1)
  local moved = show_moves(before, after)
  result("every child runs again, as n1 and n2 both find", "after %.2f s", took)
  for way in pairs(moved) do
    check(way:find("^n3 "), "children went %s, and only n3 died", way)
  end
  compare(before, after, function(i)
    return before.places[i] == "n3"
  end)
  result("counters that died with n3 and begin again at 0", "%d", counts.n3 or 0)
  local left = sum(after.counts)
  result("sum of the counters after the death", "%d, %d went with n3", left, sum(before.counts) - left)
  return after
end

local function act_join(list)
  say("\n5. Everybody counts on, and a new node joins")
  for _, node in ipairs(list) do
    count_from(node)
  end
  local before = ask_children(list[1])
  local began = now()
  local n4 = start("n4")
  wait_whole({ list[1], list[2], n4 })
  local took = now() - began
  local after = ask_children(n4)
  local moved = show_moves(before, after)
  local count = 0
  for way, children in pairs(moved) do
    check(way:find("n4$"), "children went %s, and only n4 joined", way)
    count = count + children
  end
  result("moved to n4 with their state, its start included", "%d in %.2f s", count, took)
  check(count > 0, "the new node got no children")
  compare(before, after, never)
  result("sum of the counters before and after the join", "%d, %d", sum(before.counts), sum(after.counts))
  return n4, after
end

local function act_leave(n1, n2, n4, before)
  say("\n6. n2 stops gracefully: it hands its children on")
  local began = now()
  local _, stopped = output_of(command("stop n2 2>&1"))
  local took = now() - began
  check(stopped, "luahub stop n2 failed")
  eventually("n2 is gone", PATIENCE_S, function()
    return not is_running(n2)
  end)
  wait_whole({ n1, n4 })
  local after = ask_children(n4)
  local _, counts = tally(before.places)
  show_moves(before, after)
  result("handed on by n2, which is gone", "%d in %.2f s", counts.n2 or 0, took)
  compare(before, after, never)
  result("sum of the counters before and after the stop", "%d, %d", sum(before.counts), sum(after.counts))
  result("placed in the end", "%s", (tally(after.places)))
end

local function show_results(took)
  say("\nMeasured on this machine, %.1f s in all", took)
  say("%s", ("-"):rep(80))
  for _, line in ipairs(results) do
    say("%-58s %s", line[1], line[2])
  end
  say("%s", ("-"):rep(80))
end

local function write(name, text)
  local file = assert(io.open(directory .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

local function play()
  local began = now()
  write("cluster.lua", CLUSTER)
  write("counter.lua", read(ROOT .. "/examples/counter.lua"))
  assert(os.execute(command("keygen >secret && chmod 600 secret")), "luahub keygen failed")
  local n1, n2, n3 = act_start()
  local found = act_count({ n1, n2, n3 })
  act_kill(n1, n2, n3, found)
  local n4
  n4, found = act_join({ n1, n2 })
  act_leave(n1, n2, n4, found)
  show_results(now() - began)
end

local function show_logs()
  for _, node in ipairs(nodes) do
    io.stderr:write("--- the end of ", node.name, "'s log\n", (read(node.log) or ""):sub(-2000), "\n")
  end
end

local ok, problem = xpcall(play, function(raised)
  return type(raised) == "string" and raised or debug.traceback(tostring(raised), 2)
end)
if not ok then
  io.stderr:write("\ndemo: ", problem, "\n")
  show_logs()
end
clean_up()
if ok and #faults == 0 then
  say("Nothing was lost, nothing ran twice.")
  os.exit(0)
end
for _, fault in ipairs(faults) do
  io.stderr:write("demo: ", fault, "\n")
end
os.exit(1)
