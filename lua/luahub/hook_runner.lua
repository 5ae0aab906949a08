-- hook_runner.lua - calls one hook handler for a batch of events, one after another.
--
-- For the node: `each` runs as a process in the heap of hooks, `take` also in the main program (luahub.policy). An
-- event whose handler raises costs that event; whoever takes long ends its batch, so that the node's limit for a run
-- is one for an event.

local core = require("luahub.core")
local failure = require("luahub.failure")

local M = {}

local BATCH_RUN_MS = 10
local NO_MEMORY = "not enough memory"

--- Gives events to `handler` until the batch is over or has taken its time.
---@param handler fun(data: any)
---@param events any[]    payloads, which may be nil
---@param count integer
---@param done fun(count: integer, failed: integer, text: string?)  told how many have been taken, after each
---@return integer done, integer failed, string? text  of the first that failed
function M.take(handler, events, count, done)
  local began, failed, text = core.now(), 0, nil
  for i = 1, count do
    local ok, problem = pcall(handler, events[i])
    if not ok then
      -- Only the end of a process tells which limit that was.
      if problem == NO_MEMORY then error(problem, 0) end
      failed = failed + 1
      text = text or failure.line(tostring(problem))
    end
    done(i, failed, text)
    if core.now() - began >= BATCH_RUN_MS then return i, failed, text end
  end
  return count, failed, text
end

local function function_of(module, name)
  local found = require(module)
  if type(found) ~= "table" then error("a module that is a table expected, got " .. type(found), 0) end
  return found[name] or error(("the module has no function '%s'"):format(name), 0)
end

--- Calls require(module)[name](args..., event) for each event. Called by the node.
---@param module string
---@param name string
---@param args any[]
---@param events any[]
---@param count integer
---@param slot integer  where core.hook_done notes how far it is
---@return integer done, integer failed, string? text
function M.each(module, name, args, events, count, slot)
  local given = #args
  local function call(event)
    local handler = function_of(module, name)
    local all = table.move(args, 1, given, 1, {})
    all[given + 1] = event
    return handler(table.unpack(all, 1, given + 1))
  end
  return M.take(call, events, count, function(done, failed, text)
    core.hook_done(slot, done, failed, text)
  end)
end

return M
