-- drain.lua - a node that takes no children of a hub any more, and goes on living: methods of luahub.Hub. All are about
-- the node on which they are called.

local core = require("luahub.core")
local argument = require("luahub.argument")
local option = require("luahub.option")

local DRAIN_MS = 60000
local FORCED_MS = 40000 -- what moves cold after the deadline has 35 s

---@class luahub.Hub
local Drain = {}

---@class luahub.DrainResult
---@field moved integer   children that went before the deadline
---@field forced integer  children that went after it, cold
---@field failed { id: string, message: string }[]  those that are here yet

--- Hands the hub's children on this node to the other nodes, and takes none until `uncordon`; waits until it is done.
--- It goes on when whoever called this ends.
---@param options? { deadline: integer? }  ms until what is left moves cold, whatever the migration strategy says; 60000
---@return luahub.DrainResult?
---@return luahub.Failure?  codes not_alive, draining, partitioned, no_nodes
function Drain:drain(options)
  options = argument.options("hub:drain", options, option.drain)
  local deadline = options.deadline or DRAIN_MS
  return core.request("drain", { hub = self.id, deadline = deadline }, deadline + FORCED_MS)
end

--- Has this node take no more children of the hub; those it has stay.
---@return true?
---@return luahub.Failure?  codes not_alive, draining
function Drain:cordon()
  return core.request("cordon", { hub = self.id })
end

--- Has this node take children of the hub again. A drain under way is taken back: who waits for it is told what stayed.
---@return true?
---@return luahub.Failure?  code not_alive
function Drain:uncordon()
  return core.request("uncordon", { hub = self.id })
end

Drain.undrain = Drain.uncordon

--- Has no child of the hub leave this node because nodes came or went, until `resume_moves`. What is on its way ends;
--- a drain, a move by hand and the end of the node go all the same, and the children of the dead are recovered.
---@return true?
---@return luahub.Failure?  code not_alive
function Drain:pause_moves()
  return core.request("moves_pause", { hub = self.id })
end

--- Has children go to where they belong again.
---@return true?
---@return luahub.Failure?  code not_alive
function Drain:resume_moves()
  return core.request("moves_resume", { hub = self.id })
end

--- The moves from this node: how many children are on their way, wait for their turn, put their move off.
---@return { paused: boolean, moving: integer, waiting: integer, put_off: integer, quiet: integer }?
---@return luahub.Failure?  code not_alive
function Drain:moves()
  return core.request("moves", { hub = self.id })
end

--- How far it is: `state` is "open", "cordoned", "draining", "forcing" (after the deadline) or "drained".
---@return { state: string, left: integer, moved: integer, forced: integer }?
---@return luahub.Failure?  code not_alive
function Drain:drain_state()
  return core.request("drain_state", { hub = self.id })
end

return Drain
