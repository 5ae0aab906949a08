-- distribution.lua - who gets which child: the built-in distribution strategies.
--
-- Both hash names, so that a node that returns gets its children back, and answer the same on every node. The core
-- computes them by itself while the hub works; place() is the same computation, to be tried out and explained.

local core = require("luahub.core")
local argument = require("luahub.argument")
local option = require("luahub.option")
local strategy = require("luahub.strategy")

local M = {}

local function make(kind)
  return strategy.built_in("distribution", kind, {
    deterministic = true,
    place = function(ids, view)
      return core.place(kind, ids, view.nodes)
    end,
  })
end

--- Rendezvous hashing, the default: each child goes to the node whose hash with it is highest. Adding a node moves
--- only the children that the new node wins.
---@param options? table  none yet
---@return luahub.Distribution
function M.rendezvous(options)
  argument.options("distribution.rendezvous", options, option.rendezvous)
  return make("rendezvous")
end

--- Consistent hashing: a ring of 256 points for each node.
---@param options? table  none yet
---@return luahub.Distribution
function M.consistent_hashing(options)
  argument.options("distribution.consistent_hashing", options, option.consistent_hashing)
  return make("ring")
end

return M
