---@meta luahub.process
-- process.lua - the shape of a plain process, for editors; nothing here runs.
--
-- A module that is a function is a process: it runs from its first line to its last, receives its messages itself, and
-- ends when it returns.

---@alias luahub.Process fun(...: any)

--- Takes the arguments of `start` in the child spec. luahub.receive(ms) gives the next message.
---@param ... any
local function process(...) end

return process
