-- watch.lua - watching the registry: methods of luahub.Hub that have the calling actor told of changes.
--
-- The node sends each change as a message; it keeps at most 1,000 of a watch unread. Beyond that changes are lost, and
-- the message { change = "lost" } says so: whoever gets it asks the registry, which is never older than what was told.

local core = require("luahub.core")
local argument = require("luahub.argument")
local option = require("luahub.option")

---@class luahub.Change  the message of a watch
---@field type "watch"
---@field ref integer         what `watch` answered
---@field hub string
---@field change "started"|"changed"|"stopped"|"lost"  an instance runs, has other metadata, does not run any more;
---                           or changes were lost, and nothing else stands in the message
---@field id? string
---@field node? string        where the instance runs or ran
---@field pid? userdata       while it is there
---@field state? string       "running", ...; "gone": its row is not there any more
---@field generation? integer
---@field metadata? table

---@class luahub.Hub
local Watch = {}

--- Has the calling actor told of changes in this node's copy of the registry by messages (luahub.Change): of one child,
--- of those with a tag, or of all. The watch ends with the actor, or by `unwatch`.
---@param filter? { id: string?, tag: string? }
---@return integer? ref
---@return luahub.Failure?  code limit
function Watch:watch(filter)
  filter = argument.options("hub:watch", filter, option.watch)
  if filter.id and filter.tag then error("hub:watch: give id or tag, not both", 2) end
  return core.request("watch", { hub = self.id, id = filter.id, tag = filter.tag })
end

--- Ends a watch of the calling actor. Messages that are on their way may still come.
---@param ref integer
---@return true?
---@return luahub.Failure?  code not_found
function Watch:unwatch(ref)
  argument.check("hub:unwatch", "ref", ref, "count")
  return core.request("unwatch", { ref = ref })
end

return Watch
