-- placement.lua - how long each distribution takes to place 100,000 ids on 50 nodes, as its place() is called.

local M = {
  figures = {
    "place_rendezvous", "place_weighted", "place_bounded", "place_ring", "place_load", "place_spread", "place_custom",
  },
}

local RUNS, COUNT, NODES = 5, 100000, 50

local function ids()
  local out = {}
  for i = 1, COUNT do
    out[i] = "child-" .. i
  end
  return out
end

local function view()
  local out = { nodes = {}, weights = {}, labels = {} }
  for i = 1, NODES do
    local name = ("n%02d"):format(i)
    out.nodes[i], out.weights[name], out.labels[name] = name, 1, { zone = "z" .. i % 3 }
  end
  return out
end

-- examples/strategy_by_name.lua: none of the ids names a node.
local function custom(bench)
  return dofile(bench.root .. "/examples/strategy_by_name.lua")
end

function M.run(bench)
  local distribution = require("luahub.distribution")
  local children, seen = ids(), view()
  local strategies = {
    place_rendezvous = distribution.rendezvous(),
    place_weighted = distribution.rendezvous({ weights = { n01 = 2, n02 = 0.5 } }),
    place_bounded = distribution.rendezvous({ bounded = 1.25 }),
    place_ring = distribution.consistent_hashing(),
    place_load = distribution.load_balancer(),
    place_spread = distribution.rendezvous({ placement = { spread = "zone" } }),
    place_custom = custom(bench),
  }
  for _, name in ipairs(M.figures) do
    local took = {}
    for i = 1, RUNS do
      local begun = bench.now_ns()
      assert(#strategies[name].place(children, seen, { factor = 1 }) == COUNT)
      took[i] = (bench.now_ns() - begun) / 1e6
    end
    bench.report(name, took)
  end
end

return M
