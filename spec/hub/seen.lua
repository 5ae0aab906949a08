-- seen.lua - what specs of quorums look at in simulated hubs: which nodes may act, what runs where, and that nothing
-- ever ran twice.

local assert = require("luassert")

local M = {}

--- What leases make unavoidable (LH_LEASE_WAIT_MS).
M.WAIT = 9160

--- The state of each node, in order, in one line.
function M.states(h)
  local out = {}
  for node = 1, h.nodes do out[node] = h.sim:up(node) and h.sim:state(node) or "down" end
  return table.concat(out, " ")
end

--- How many children run, and how many of them on each node.
function M.running(h)
  local on, total = {}, 0
  for _, nodes in pairs(h.sim:truth()) do
    for _, node in ipairs(nodes) do
      on[node] = (on[node] or 0) + 1
      total = total + 1
    end
  end
  return total, on
end

function M.never_twice(h, what)
  assert.equal(0, h.sim:figures().twice, what)
  assert.is_nil(h.sim:violation(), what)
end

return M
