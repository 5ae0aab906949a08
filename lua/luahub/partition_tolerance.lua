-- partition_tolerance.lua - whether a part of a divided cluster may act: the built-in strategies.
--
-- The core decides by the kind and the numbers (csrc/hub/quorum.c); a `may_act` here says the same for whoever tries a
-- strategy out.

local argument = require("luahub.argument")
local option = require("luahub.option")
local strategy = require("luahub.strategy")

local M = {}

--- Every part goes on by itself; when they meet again surplus instances are stopped. The default.
---@param options? table  none yet
---@return luahub.PartitionTolerance
function M.divergence(options)
  argument.options("partition_tolerance.divergence", options, option.divergence)
  return strategy.built_in("partition_tolerance", "divergence", {
    may_act = function()
      return true
    end,
  })
end

local function refuse(text, ...)
  error(text:format(...), 3)
end

local function needs(size)
  return function(view)
    if #view.nodes >= size then return true end
    return false, ("%d nodes are here, and %d are a quorum"):format(#view.nodes, size)
  end
end

--- A part acts while at least `size` nodes that run the hub are in it. `of` is how many there are at most.
---@param options { size: integer, of?: integer }
---@return luahub.PartitionTolerance
function M.static_quorum(options)
  local given = argument.options("partition_tolerance.static_quorum", options, option.static_quorum)
  local size = given.size
  if not size then refuse("partition_tolerance.static_quorum: size is required: how many nodes are a quorum") end
  local of = given.of or 2 * size - 1
  if 2 * size <= of then
    refuse("partition_tolerance.static_quorum: size = %d of %d nodes is no majority: two parts could both act; "
      .. "expected at least %d", size, of, of // 2 + 1)
  end
  if size > of then
    refuse("partition_tolerance.static_quorum: size = %d is more than the %d nodes there are", size, of)
  end
  return strategy.built_in("partition_tolerance", "static_quorum", {
    may_act = needs(size), description = { size = size, of = of },
  })
end

--- A part acts while it has more than half of the nodes that ever joined: the members agree on that set and keep it in
--- node.data_dir. `initial_size` nodes found it; it grows with every node that joins, and shrinks by nobody's death.
---@param options { initial_size: integer }
---@return luahub.PartitionTolerance
function M.majority_quorum(options)
  local given = argument.options("partition_tolerance.majority_quorum", options, option.majority_quorum)
  local size = given.initial_size
  if not size then
    refuse("partition_tolerance.majority_quorum: initial_size is required: how many nodes found the set of members")
  end
  return strategy.built_in("partition_tolerance", "majority_quorum", {
    may_act = needs(size // 2 + 1), description = { initial_size = size },
  })
end

--- A part acts while it has `size` per cent of the members, and more than half: as majority_quorum, but members that
--- act take out of the set who is gone for `threshold_time`, one at a time. The last two stay.
---@param options { initial_size: integer, size: integer, threshold_time?: integer }  per cent; ms
---@return luahub.PartitionTolerance
function M.dynamic_quorum(options)
  local given = argument.options("partition_tolerance.dynamic_quorum", options, option.dynamic_quorum)
  local first, percent = given.initial_size, given.size
  if not first then
    refuse("partition_tolerance.dynamic_quorum: initial_size is required: how many nodes found the set of members")
  end
  if not percent or percent > 100 then
    refuse("partition_tolerance.dynamic_quorum: size is required: 1 to 100 per cent of the members")
  end
  local needed = math.max(first // 2 + 1, (first * percent + 99) // 100)
  return strategy.built_in("partition_tolerance", "dynamic_quorum", {
    may_act = needs(needed),
    description = { initial_size = first, percent = percent, threshold = given.threshold_time or 30000 },
  })
end

return M
