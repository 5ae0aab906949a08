-- apart.lua - real nodes in a network that can be split and healed: of namespaces, or of another kind.
--
--   local why_not = apart.with(3, { hub = "..." }, function(world, net, nodes) net:split { { 1, 2 }, { 3 } } end)
--
-- Each node has an address, a track and an environment variable NODE of its own, by its index. `with` needs what
-- spec/cluster/network.lua needs; spec/failpoint/plan.lua is the other kind.

local cluster = require("spec.cluster.helper")
local network = require("spec.cluster.network")

local M = {}

local WHY_NOT = network.why_not()

--- Starts a node of the network without waiting for it.
---@param index integer   its host
---@param seed? integer   the host of a node that it joins
---@param name? string    default "n" and the index
---@param file? string    its configuration; default the cluster's
function M.launch(world, net, index, seed, name, file)
  local node = world:launch(name or "n" .. index, {
    listen = net:address(index), within = net:within(index), join = seed and { net:address(seed) }, file = file,
    log = file and "of-" .. file,
    environment = ("LUAHUB_TRACK=%s/track.%d NODE=%d"):format(world.directory, index, index),
  })
  node.index = index
  return node
end

--- Runs `body(world, net, nodes)` with `count` nodes that are ready, in the network that `new(count)` makes.
---@param new fun(count: integer): table  network.new, or another one
---@param options? table  of cluster.with
function M.over(new, count, options, body)
  cluster.with(options, function(world)
    local net <close> = setmetatable({ new(count) }, { __close = function(box) box[1]:close() end })
    local nodes = {}
    for index = 1, count do
      nodes[index] = M.launch(world, net[1], index, index > 1 and 1 or nil)
      if index == 1 then nodes[1]:ready() end
    end
    for _, node in ipairs(nodes) do node:ready() end
    body(world, net[1], nodes)
  end)
end

--- The same with namespaces. Answers why there can be none here, or nil.
function M.with(count, options, body)
  if WHY_NOT then return WHY_NOT end
  M.over(network.new, count, options, body)
  return nil
end

-- What the children of one node wrote themselves: { [id] = { [instance] = generation } } of those that run there.
local function running_on(world, index)
  local running = {}
  local file = io.open(("%s/track.%d"):format(world.directory, index))
  for line in file and file:lines() or function() end do
    local event, id, instance, generation = line:match("^(%S+) (%S+) (%S+ %S+) (%d+)")
    local own = running[id] or {}
    running[id] = own
    if event == "init" then own[instance] = math.tointeger(generation) end
    if event == "terminate" or event == "crash" or event == "exit" then own[instance] = nil end
  end
  if file then file:close() end
  return running
end

-- The generation of each child on these nodes, when each runs exactly once there; else nil and what is wrong.
local function each_once(world, nodes, ids)
  local count, generations = {}, {}
  for _, node in ipairs(nodes) do
    for id, instances in pairs(running_on(world, node.index)) do
      for _, generation in pairs(instances) do
        count[id] = (count[id] or 0) + 1
        generations[id] = generation
      end
    end
  end
  for _, id in ipairs(ids) do
    if count[id] ~= 1 then return nil, ("%s runs %d times"):format(id, count[id] or 0) end
    count[id] = nil
  end
  local other = next(count)
  if other then return nil, other .. " runs, and should not" end
  return generations
end

local function names_of(nodes)
  local names = {}
  for i, node in ipairs(nodes) do names[i] = node.known_as or node.name end
  table.sort(names)
  return table.concat(names, " ")
end

--- Waits until these nodes form the hub by themselves, each child runs once on them by its own word, and every registry
--- says so. Answers the generations.
---@return table<string, integer>
function M.settled(world, nodes, ids)
  local expected, generations = names_of(nodes), nil
  cluster.eventually("each child runs once on " .. expected, function()
    local why
    generations, why = each_once(world, nodes, ids)
    if not generations then return false, why end
    for _, node in ipairs(nodes) do
      local seen = node:registry()
      if seen.members ~= expected then return false, ("%s sees %s"):format(node.name, seen.members) end
      if seen.locked or #seen.doubled > 0 then return false, node.name .. " is not done" end
      if seen.count ~= #ids then return false, ("%s lists %d children"):format(node.name, seen.count) end
    end
    return true
  end)
  return generations
end

return M
