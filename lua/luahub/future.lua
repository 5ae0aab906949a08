-- future.lua - the answer of an operation that still runs.
--
-- A future belongs to the actor (or the main program) that made it. Its operation goes on whether or not anyone
-- awaits it, and ends by its own deadline. Awaiting again answers the same.
--
--   pending -> settled (value, or nil and an error)      a wait that is over too early leaves it pending

local core = require("luahub.core")
local argument = require("luahub.argument")

local AWAIT_MARGIN_MS = 5000 -- what an operation may take beyond its own timeout before we give up on its answer

---@class luahub.Future
local Future = { __name = "luahub.future" }
Future.__index = Future

local M = {}

-- One value where there is no error, so that a REPL prints no nil behind it.
local function answer(value, err)
  if err == nil then return value end
  return nil, err
end

--- A request to this node whose answer is `wrap(value)`.
---@param kind string        see core.request
---@param request table
---@param timeout number     ms that the operation may take
---@param wrap? fun(value: any): any
---@return luahub.Future?
---@return luahub.Failure?  code limit: too many futures wait to be awaited
function M.request(kind, request, timeout, wrap)
  local ref, err = core.request_async(kind, request)
  if not ref then return nil, err end
  return setmetatable({ ref = ref, kind = kind, timeout = timeout, wrap = wrap, settled = false }, Future)
end

--- A request that could not be sent: its answer is the error.
---@param kind string
---@param err luahub.Failure
---@return luahub.Future
function M.failed(kind, err)
  return setmetatable({ kind = kind, settled = true, err = err }, Future)
end

--- One answer of several requests: `join(values)` once all are there, in their order, { value, err } each.
---@param parts luahub.Future[]
---@param timeout number  ms that they may take
---@param join fun(values: { value: any, err: luahub.Failure? }[]): any
---@return luahub.Future
function M.joined(parts, timeout, join)
  return setmetatable({ parts = parts, kind = parts[1].kind, timeout = timeout, join = join, settled = false }, Future)
end

local function await_all(self, ms)
  local until_ms, values = core.now() + ms, {}
  for i, part in ipairs(self.parts) do
    local value, err = part:await(math.max(until_ms - core.now(), 0))
    if not part.settled then return nil, err end
    values[i] = { value = value, err = err }
  end
  self.settled, self.value = true, self.join(values)
  return self.value
end

--- Waits for the answer.
---@param ms? number  how long to wait; default: the operation's timeout and 5 s
---@return any value  or nil and an error; code "timeout" when the answer is not there yet: it can be awaited again
---@return luahub.Failure?
function Future:await(ms)
  argument.check("future:await", "ms", ms, "ms?")
  if self.settled then return answer(self.value, self.err) end
  if self.parts then return await_all(self, ms or self.timeout + AWAIT_MARGIN_MS) end
  local value, err = core.await(self.ref, ms or self.timeout + AWAIT_MARGIN_MS)
  if value == nil and type(err) == "table" and err.code == "timeout" then return nil, err end
  if value ~= nil and self.wrap then value = self.wrap(value) end
  self.settled, self.value, self.err = true, value, err
  return answer(value, err)
end

Future.__call = Future.await

function Future:__tostring()
  return ("future(%s, %s)"):format(self.kind, self.settled and "settled" or "pending")
end

--- Awaits what a start or a stop answered, and hands its error on: `luahub.await(hub:start_child(spec, options))`.
---@param future luahub.Future?
---@param err? luahub.Failure  what stood behind nil
---@return any value  or nil and an error
---@return luahub.Failure?
function M.await(future, err)
  if future == nil and err ~= nil then return nil, err end
  if getmetatable(future) ~= Future then
    local shown = type(future) == "string" and ("%q"):format(future) or type(future)
    error(("luahub.await: expected a future (of a call with awaitable = true), got %s"):format(shown), 3)
  end
  return future:await()
end

return M
