-- strategy_by_name.lua - a distribution strategy of one's own: children go to the node that their id names.
--
-- "n2/cache" goes to n2. While n2 is away (and for ids that name nobody) the nodes share them out by the sum of the
-- id's bytes. A strategy answers and does nothing else; the same arguments give the same answer on every node.
--
--   hubs = { { id = "main", distribution = require("strategy_by_name"), ... } }

local strategy = { deterministic = true }

local function index_of(nodes, name)
  for i, node in ipairs(nodes) do
    if node == name then return i end
  end
  return nil
end

local function sum_of_bytes(text)
  local sum = 0
  for i = 1, #text do
    sum = sum + text:byte(i)
  end
  return sum
end

-- For each id the index of its node in view.nodes (sorted names); `options.factor` is 1: one instance a child.
function strategy.place(ids, view, options)
  local owners = {}
  for i, id in ipairs(ids) do
    owners[i] = index_of(view.nodes, id:match("^([^/]+)/")) or sum_of_bytes(id) % #view.nodes + 1
  end
  return owners
end

-- Optional: may refuse a start before anything is placed.
function strategy.init(specs)
  for _, spec in ipairs(specs) do
    if #spec.id > 200 then return nil, "ids of this hub have at most 200 bytes: " .. spec.id end
  end
  return true
end

return strategy
