-- apart.lua - real nodes in network namespaces, which can be split from each other and healed.
--
--   local why_not = apart.with(3, { hub = "..." }, function(world, net, nodes) net:split { { 1, 2 }, { 3 } } end)
--
-- Each node has an address, a track and an environment variable NODE of its own, by its index. Needs what
-- spec/cluster/network.lua needs.

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

--- Runs `body(world, net, nodes)` with `count` nodes that are ready. Answers why there can be no network here, or nil.
---@param options? table  of cluster.with
function M.with(count, options, body)
  if WHY_NOT then return WHY_NOT end
  cluster.with(options, function(world)
    local net <close> = setmetatable({ network.new(count) }, { __close = function(box) box[1]:close() end })
    local nodes = {}
    for index = 1, count do
      nodes[index] = M.launch(world, net[1], index, index > 1 and 1 or nil)
      if index == 1 then nodes[1]:ready() end
    end
    for _, node in ipairs(nodes) do node:ready() end
    body(world, net[1], nodes)
  end)
  return nil
end

return M
