---@meta luahub.server
-- server.lua - the shape of a callback module, for editors; nothing here runs.
--
-- A module with `init` is a server: an actor that answers calls one after another. All callbacks but init are optional.
-- One that raises ends the server, which its supervisor starts again. They may wait (luahub.sleep, luahub.call,
-- ...): the server takes its next message when the callback is over.

---@class luahub.Server
---@field version integer?  of the states it makes; default 0. A whole number from 0 on, or the child does not start
local Server = {}

--- Makes the state. Has 5 s.
---@param ... any     the arguments of `start` in the child spec
---@return table?     the state; nil and a reason refuse the start
---@return any? reason
function Server.init(...) end

--- Answers a call.
---@param state table
---@param request any
---@param from table   who asked; for luahub.reply
---@return any reply   or luahub.later, and afterwards luahub.reply(from, value)
function Server.call(state, request, from) end

--- Takes a message that nobody waits for; what it answers is ignored.
---@param state table
---@param message any
function Server.cast(state, message) end

--- Takes any other message: from luahub.send, timers, monitors ({ type = "down", ref, pid, reason }), trapped links
--- ({ type = "exit", reason, pid }).
---@param state table
---@param message any
function Server.info(state, message) end

--- Of a hub that asks before it moves a child: whether this one may go now. Anything but "ready" puts its move off.
---@param state any
---@return "ready"|"defer"
function Server.consent(state) end

--- Before a hot move with handover: what goes along.
---@param state table
---@return any data  plain data
function Server.handover(state) end

--- On the new node, after init: takes the old state over. When it raises, the child goes on where it was.
---@param state table  init's
---@param handed any   what handover answered
---@param version integer  that of the module that handed it over; at most this one's
---@return table? state  from now on; nil: init's, as it is now
function Server.takeover(state, handed, version) end

--- Called once when the instance is stopped: by order, by a move, as surplus, at a graceful leave. Has `shutdown` ms.
---@param state table
---@param reason any
function Server.terminate(state, reason) end

return Server
