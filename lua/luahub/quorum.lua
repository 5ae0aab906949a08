-- quorum.lua - the member set that a majority or dynamic quorum is counted in, for operators: methods of luahub.Hub.
-- All are about the hub as the node on which they are called has it.

local core = require("luahub.core")
local argument = require("luahub.argument")

local FORGET_MS = 25000 -- the node itself gives up after 20 s

---@class luahub.Hub
local Quorum = {}

--- The names of the members that quorums are counted in, and how many of them are one; none and 0 without a set.
---@return { members: string[], needed: integer }?
---@return luahub.Failure?
function Quorum:quorum_members()
  return core.request("quorum_members", { hub = self.id })
end

--- Takes a node that never comes back out of the member set; more than half of the set must be here and agree. One that
--- runs somewhere after all holds no quorum with the set that it knows, and is added again when it returns.
---@param node string  its name
---@return true?
---@return luahub.Failure?  codes not_found, alive, busy, no_quorum, no_member_set, not_alive
function Quorum:forget(node)
  argument.check("hub:forget", "node", node, "text")
  return core.request("quorum_forget", { hub = self.id, node = node }, FORGET_MS)
end

--- Begins the member set anew with the nodes that this one sees, when more than half of the members are lost for good.
--- Dangerous: nobody is asked. Where others run the hub's children yet, children run twice until those hear of it.
---@return string[]?  the members
---@return luahub.Failure?  codes no_member_set, not_alive
function Quorum:reset_quorum()
  return core.request("quorum_reset", { hub = self.id })
end

return Quorum
