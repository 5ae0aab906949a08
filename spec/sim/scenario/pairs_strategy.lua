-- pairs_strategy.lua (spec) - a strategy written with pairs: its order is the same on every node of a simulation.

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
  end
  return owners
end

local function placement(world, name)
  local rows, out = world.core:rows(world.numbers[name], "shop"), {}
  for _, row in ipairs(rows) do
    out[#out + 1] = row.id .. "@" .. row.node
  end
  table.sort(out)
  return table.concat(out, " ")
end

return {
  hubs = { { id = "shop", distribution = { place = place } } },
  nodes = 2,
  run = function(world)
    world:cluster(2)
    local specs = {}
    for i = 1, 12 do
      specs[i] = { id = ("x"):rep(i), start = { "probe" } }
    end
    world:start(specs)
    world:settle()
    world:expect(placement(world, "n1") == placement(world, "n2"), "one placement")
    world:note("%s", placement(world, "n1"))
  end,
}
