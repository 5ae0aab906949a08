-- ticks.lua - real nodes whose hub needs two of three, with children that write down all that they are let do
-- (modules/ticking.lua); and what is wrong in what they wrote.

local cluster = require("spec.cluster.helper")

local M = {}

--- Options of the cluster.
M.OPTIONS = { hub = "partition_tolerance = luahub.partition_tolerance.static_quorum { size = 2, of = 3 }" }

--- How many children there are.
M.COUNT = 30

local START = [[
  local specs = {}
  for i = 1, %d do specs[i] = { id = "t" .. i, start = { "ticking" } } end
  local future = assert(hub:start_children(specs, { awaitable = true, timeout = 30000 }))
  local result = assert(future:await())
  return result:status()]]

--- What is wrong in the log: whoever has begun with a higher generation is the only one that is let do anything, and
--- what is given up runs its terminate only. Answers how often each began, too.
---@return string problems  the first five lines, "" when there are none
---@return table<string, integer> starts
function M.problems(world)
  local latest, starts, wrong = {}, {}, {}
  for line in io.lines(world.track_file) do
    local event, id, generation = line:match("^(%S+) (%S+) (%d+) %d+$")
    generation = math.tointeger(generation)
    if event == "init" then
      starts[id] = (starts[id] or 0) + 1
      if latest[id] and generation <= latest[id] then wrong[#wrong + 1] = "not a later one: " .. line end
      latest[id] = generation
    elseif event ~= "terminate" and generation ~= latest[id] then
      wrong[#wrong + 1] = "it was over: " .. line
    end
  end
  return table.concat(wrong, "\n", 1, math.min(#wrong, 5)), starts
end

--- Starts three nodes and the children.
---@param net? table  where the nodes run: a network that can be split
function M.hub_of_three(world, net)
  local function start(index, seed)
    return world:start("n" .. index, {
      join = { seed }, listen = net and net:address(index), within = net and net:within(index),
    })
  end
  local n1 = start(1)
  local nodes = { n1, start(2, n1), start(3, n1) }
  cluster.eventually("all are members", function() return #n1:eval("return hub:nodes{ include_local = true }") == 3 end)
  local status = n1:eval(START:format(M.COUNT))
  assert(status == "ok", status)
  return nodes
end

--- How many rows of `n1` say that a child runs on one of the nodes of these names.
function M.run_on(n1, names)
  local count = 0
  for _, name in pairs(n1:registry().nodes) do
    if names:find(name, 1, true) then count = count + 1 end
  end
  return count
end

-- The line after which each child has to write again: how many lines there are now.
local function lines_now(world)
  local count = 0
  for _ in io.lines(world.track_file) do
    count = count + 1
  end
  return count
end

-- How many children wrote a tick after that line.
local function ticked_since(world, line)
  local seen, count, at = {}, 0, 0
  for text in io.lines(world.track_file) do
    at = at + 1
    local id = at > line and text:match("^info (%S+)")
    if id and not seen[id] then
      seen[id], count = true, count + 1
    end
  end
  return count
end

--- Waits until all three are members again, none is barred, and each child has written something since.
function M.whole_again(world, nodes)
  cluster.eventually("all are members again", function()
    for _, node in ipairs(nodes) do
      local all = node:eval("return { #hub:nodes{ include_local = true }, hub:is_locked() }")
      if all[1] ~= 3 or all[2] then return false end
    end
    return M.run_on(nodes[1], "n1 n2 n3") == M.COUNT
  end, 60)
  local line = lines_now(world)
  cluster.eventually("each child works", function() return ticked_since(world, line) == M.COUNT end)
end

return M
