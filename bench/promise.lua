-- promise.lua - `make promise`: what luahub promises in figures, tried as a person would, through `luahub eval`.
--
--   lua5.4 bench/promise.lua [WORD...]     words: start memory kill stand join die; default: all
--
-- One line for each promise with what was found; exit status 1 when one is not kept. Times are from outside: they
-- include the program that asks. Who runs what is asked of the nodes' own lists, not only of the registry.
-- Nodes are programs of their own on loopback; all are ended by their process ids. Nothing else should run meanwhile.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local pipe = assert(io.popen(("cd '%s/..' && pwd"):format(here)))
local ROOT = pipe:read("l")
pipe:close()
local BUILD = os.getenv("LUAHUB_BUILD") or ROOT .. "/build"
package.path = ("%s/bench/?.lua;%s/lua/?.lua;%s/lua/?/init.lua;%s"):format(ROOT, ROOT, ROOT, package.path)
package.cpath = ("%s/?.so;%s"):format(BUILD, package.cpath)

local cluster = require("cluster")
local core = require("luahub.core")

cluster.set_paths(ROOT, BUILD)

local CHILDREN, FEW, ROUNDS, PATIENCE_MS = 30000, 3000, 10, 30000
local kept = true

local function promise(text, good, format, ...)
  kept = kept and good
  io.stdout:write(("%-4s  %-66s %s\n"):format(good and "ok" or "NOT", text, format:format(...)))
  io.stdout:flush()
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Begins `luahub eval NAME CHUNK`. Answers a function that waits for what it prints.
local function begin(node, chunk, ...)
  local command = ("%s eval %s %s 2>&1"):format(node.cluster:program(), node.name, quote(chunk:format(...)))
  local running = assert(io.popen(command))
  return function()
    local text = running:read("a")
    assert(running:close(), node.name .. ": " .. text)
    return text:gsub("\n$", "")
  end
end

local function eval(node, chunk, ...)
  return (begin(node, chunk, ...)())
end

local START = [[
  local specs = {}
  for i = 1, %d do specs[i] = { id = "c" .. i, start = { "bench_server" } } end
  local began = require("luahub.core").now()
  local result = assert(hub:start_children(specs, { awaitable = true, timeout = 60000 }):await())
  assert(result:status() == "ok", #result:errors() .. " children did not start")
  return (require("luahub.core").now() - began)]]

-- Waits until a full listing of the registry has each child once, and none on `dead`.
local LISTED = [[
  local want, dead, deadline = %d, %q, require("luahub.core").now() + %d
  local function whole()
    local list = hub:process_list("global")
    if #list ~= want then return false end
    for _, child in ipairs(list) do
      if #child.instances ~= 1 or child.instances[1].node == dead then return false end
    end
    return true
  end
  while not whole() do
    if require("luahub.core").now() > deadline then return "late" end
    luahub.sleep(5)
  end
  return "whole"]]

-- "whole" when the nodes themselves say that they run each child once, in all; else what is wrong.
local RUNNING = [=[
  local want, seen, count = %d, {}, 0
  for _, answer in ipairs(assert(luahub.distributor.which_children_global(hub, { timeout = 10000 }))) do
    if answer.error then return answer.node .. ": " .. answer.error end
    for _, child in ipairs(answer.children) do
      if type(child[2]) ~= "string" then
        if seen[child[1]] then return child[1] .. " runs twice" end
        seen[child[1]], count = true, count + 1
      end
    end
  end
  if hub:is_locked() then return "children are on their way" end
  return count == want and "whole" or count .. " of " .. want .. " run"]=]

local function until_running(node, want)
  local began = core.now_ns()
  local found
  repeat
    found = eval(node, RUNNING, want)
  until found == '"whole"' or core.now_ns() - began > PATIENCE_MS * 1e6
  return found
end

local function started(count, children, body)
  cluster.with(count, nil, function(world, ...)
    eval(world.nodes[1], START, children)
    body(world, ...)
  end)
end

local SETTLE_S = 1 -- until what the start itself took is given back: the children are idle then

local try = {}

function try.start()
  local best = 0
  for _ = 1, 5 do
    cluster.with(3, nil, function(_, n1)
      best = math.max(best, CHILDREN / tonumber(eval(n1, START, CHILDREN)) * 1000)
    end)
  end
  promise("30,000 children start in one awaited call at 60,000/s", best >= 60000, "%.0f/s, best of 5", best)
end

function try.memory()
  local many = 100000
  cluster.with(1, nil, function(_, n1)
    local idle = n1:rss()
    promise("an idle node stays under 14 MB", idle < 14e6, "%.1f MB", idle / 1e6)
    eval(n1, START, many)
    cluster.sleep(SETTLE_S)
    local each = (n1:rss() - idle) / many
    promise("an idle server child takes less than 1,300 B, row included", each < 1300, "%.0f B", each)
  end)
end

local function lose(signal)
  local took, all = nil, nil
  started(3, CHILDREN, function(_, n1, n2, n3)
    assert(eval(n2, LISTED, CHILDREN, "", PATIENCE_MS) == '"whole"')
    local at = n3:signal(signal)
    local one, two = begin(n1, LISTED, CHILDREN, "n3", PATIENCE_MS), begin(n2, LISTED, CHILDREN, "n3", PATIENCE_MS)
    all = one() == '"whole"' and two() == '"whole"'
    took = (core.now_ns() - at) / 1e6
    if signal == "STOP" then
      n3:signal("CONT")
      cluster.sleep(5)
      local found = eval(n1, RUNNING, CHILDREN)
      promise("continued, 5 s later nothing runs twice", found == '"whole"', "%s", found)
    end
  end)
  return took, all
end

function try.kill()
  local took, all = lose("KILL")
  promise("kill -9 of one of three with 30,000: whole in 1.5 s, two listings", all and took <= 1500, "%.0f ms", took)
end

function try.stand()
  local took, all = lose("STOP")
  promise("a stopped node's children run elsewhere within 7 s", all and took <= 7000, "%.0f ms", took)
end

local function rounds(text, round)
  local good, why = 0, ""
  for _ = 1, ROUNDS do
    local found = round()
    if found == '"whole"' then
      good = good + 1
    else
      why = " (" .. found .. ")"
    end
  end
  promise(text, good == ROUNDS, "%d of %d%s", good, ROUNDS, why)
end

function try.join()
  rounds("four nodes that join two at once lose and double nothing", function()
    local found
    started(2, FEW, function(world)
      for i = 3, 6 do
        world:launch("n" .. i)
      end
      for i = 3, 6 do
        world.nodes[i]:ready()
      end
      world:wait_whole(6)
      found = until_running(world.nodes[6], FEW)
    end)
    return found
  end)
end

function try.die()
  rounds("two of six that die together lose and double nothing", function()
    local found
    started(6, FEW, function(world)
      os.execute(("kill -KILL %d %d"):format(world.nodes[5].pid, world.nodes[6].pid))
      world.nodes[1]:ask("return probe.wait_nodes(4, %d)", PATIENCE_MS)
      found = until_running(world.nodes[1], FEW)
    end)
    return found
  end)
end

local WORDS = { "start", "memory", "kill", "stand", "join", "die" }
for _, word in ipairs(#arg > 0 and arg or WORDS) do
  if not try[word] then
    io.stderr:write(("promise: no \"%s\"; there are: %s\n"):format(word, table.concat(WORDS, " ")))
    os.exit(2)
  end
  try[word]()
end
os.exit(kept and 0 or 1)
