-- pairs_strategy.lua (spec) - a strategy written with pairs: whoever is asked, it answers the same. When a node crashes
-- each survivor asks its own copy about the same children; what each was told is kept in its main heap.

local NODES = 3

local answers = {} -- this node's: functions never travel
package.loaded["answers"] = answers

local function place(ids, view)
  local weight, order, owners = {}, {}, {}
  for _, name in ipairs(view.nodes) do
    weight[name] = 1
  end
  for name in pairs(weight) do
    order[#order + 1] = name
  end
  local index = {}
  for i, name in ipairs(view.nodes) do
    index[name] = i
  end
  for i, id in ipairs(ids) do
    owners[i] = index[order[#id % #order + 1]]
    answers[#answers + 1] = ("%s of %s on %s"):format(id, table.concat(view.nodes, " "), view.nodes[owners[i]])
  end
  return owners
end

-- What a node was told about placements on those two alone: id -> node.
local function answers_of(world, name)
  local out = {}
  for _, line in ipairs(world:eval(name, "return require('answers')")) do
    local id, node = line:match("^(%S+) of n1 n2 on (%S+)$")
    if id then out[id] = node end
  end
  return out
end

-- How many children both were asked about, having given the same answer.
local function compare(world, one, other)
  local both = 0
  for id, node in pairs(one) do
    if other[id] then both = both + 1 end
    world:expect(not other[id] or other[id] == node, "one placement", ("%s: %s and %s"):format(id, node, other[id]))
  end
  return both
end

return {
  hubs = { { id = "shop", distribution = { place = place } } },
  nodes = NODES,
  run = function(world)
    world:cluster(NODES)
    local specs = {}
    for i = 1, 12 do
      specs[i] = { id = ("x"):rep(i), start = { "probe" } }
    end
    world:start(specs)
    world:settle()
    world:crash("n3")
    world:run_for(5000)
    local one, other = answers_of(world, "n1"), answers_of(world, "n2")
    world:expect(compare(world, one, other) > 0, "both survivors are asked about the lost")
    world:settle()
    world:note("%s", one.xxx or other.xxx)
  end,
}
