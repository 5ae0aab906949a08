-- hub.lua - a hub as its user holds it: a name and functions, good in every heap and in the main program.
--
-- It keeps nothing but the id. Questions about children are answered from this node's copy of the registry, without
-- asking anyone (luahub.lookup); all that changes something goes through luahub.distributor and luahub.dispatcher.

local core = require("luahub.core")
local argument = require("luahub.argument")
local distributor = require("luahub.distributor")
local drain = require("luahub.drain")
local quorum = require("luahub.quorum")
local failure = require("luahub.failure")
local hook = require("luahub.hook")
local lookup = require("luahub.lookup")
local metadata = require("luahub.metadata")
local migrate = require("luahub.migrate")
local option = require("luahub.option")
local policy = require("luahub.policy")
local watch = require("luahub.watch")

local get_pid = core.get_pid

local CALL_MS = 5000
local RETRY_FIRST_MS = 2
local RETRY_MAX_MS = 100
local UNKNOWN_WAIT_MS = 1000 -- how long a call waits for an id that no row names: it may be on its way between nodes
local STOP_MS = 60000

-- Explicit refusals: the request was not taken by anyone, so sending it again cannot do it twice.
local NOT_TAKEN = { not_here = true, not_found = true, unreachable = true }

---@class luahub.EventQueue
---@field hub string

---@class luahub.Hub
---@field id string
---@field event_queue luahub.EventQueue          for dispatcher.dispatch_event
---@field synchronization luahub.Synchronization the hub's strategy; in other heaps than the main one a token for it
local Hub = {}

for _, methods in ipairs({ lookup, drain, migrate, quorum, watch }) do
  for name, method in pairs(methods) do
    Hub[name] = method
  end
end

local EventQueue = { __name = "luahub.event_queue" }

function EventQueue.__tostring(queue)
  return ("event_queue(%s)"):format(queue.hub)
end

local M = {}

--- The hub's synchronization strategy, or in heaps that did not configure the hub a token that stands for it.
---@param hub_id string
---@return table
function M.synchronization(hub_id)
  return policy.strategy(hub_id, "synchronization") or { hub = hub_id, kind = "pubsub" }
end

Hub.__name = "luahub.hub"

function Hub.__eq(a, b)
  return a.id == b.id
end

function Hub:__tostring()
  return ("hub(%s)"):format(self.id)
end

local classes = {} -- by hub id

-- The metatable and methods of the hubs of one id: a plain table, so that finding a method runs no Lua. Only
-- `synchronization` is looked for beyond it.
local function class_of(id)
  if classes[id] then return classes[id] end
  local class = {}
  for name, value in pairs(Hub) do
    class[name] = value
  end
  class.__index = class
  classes[id] = setmetatable(class, {
    __index = function(_, key)
      return key == "synchronization" and M.synchronization(id) or nil
    end,
  })
  return class
end

--- The hub with this id; whether it runs is asked with `is_alive`.
---@param id string
---@return luahub.Hub
function M.new(id)
  argument.check("luahub.hub", "id", id, "text")
  return setmetatable({ id = id, event_queue = setmetatable({ hub = id }, EventQueue) }, class_of(id))
end

--- Starts one child; see `start_children`.
---@param spec luahub.ChildSpec
---@param options? luahub.StartOptions
---@return "start_initiated"|luahub.Future|nil
---@return luahub.Failure?
function Hub:start_child(spec, options)
  return distributor.init_children(self, { spec }, options, "hub:start_child")
end

--- Starts children somewhere in the hub. With `awaitable = true` the answer is a future whose `:await(ms)` gives a
--- luahub.StartResult.
---@param specs luahub.ChildSpec[]
---@param options? luahub.StartOptions
---@return "start_initiated"|luahub.Future|nil
---@return luahub.Failure?  codes no_children, already_started (with ids), invalid_spec, not_alive
function Hub:start_children(specs, options)
  return distributor.init_children(self, specs, options, "hub:start_children")
end

--- Stops one child; see `stop_children`.
---@param id string
---@param options? luahub.StopOptions
---@return "stop_initiated"|luahub.Future|nil
---@return luahub.Failure?
function Hub:stop_child(id, options)
  return distributor.stop_children(self, { id }, options, "hub:stop_child")
end

--- Stops children wherever they run. With `awaitable = true` the answer is a future whose `:await(ms)` gives a
--- luahub.StopResult; ids that are not there are among its errors.
---@param ids string[]
---@param options? luahub.StopOptions
---@return "stop_initiated"|luahub.Future|nil
---@return luahub.Failure?
function Hub:stop_children(ids, options)
  return distributor.stop_children(self, ids, options, "hub:stop_children")
end

--- Names of the nodes that run the hub, sorted.
---@param options? { include_local: boolean? }  default: without this node
---@return string[]?
---@return luahub.Failure?
function Hub:nodes(options)
  options = argument.options("hub:nodes", options, option.nodes)
  return core.request("nodes", { hub = self.id, include_local = options.include_local == true })
end

local function state(hub, field)
  local answer, err = core.request("hub_state", { hub = hub.id })
  if not answer then return nil, err end
  return answer[field]
end

--- True when the hub runs on this node.
---@return boolean?
---@return luahub.Failure?
function Hub:is_alive()
  return state(self, "alive")
end

--- True while children are being moved or recovered.
---@return boolean?
---@return luahub.Failure?
function Hub:is_locked()
  return state(self, "locked")
end

--- True while this side of a divided cluster may not act.
---@return boolean?
---@return luahub.Failure?
function Hub:is_partitioned()
  return state(self, "partitioned")
end

local function first_problem(check)
  local found
  check(function(path, message)
    found = found or ("%s: %s"):format(path, message)
  end)
  return found
end

--- Registers handlers for one hook or event on this node: all of them or, when an id is taken, none.
---@param key string
---@param handlers luahub.Handler[]
---@return true?
---@return luahub.Failure?  codes handler_id_not_unique, not_alive
function Hub:register_hook_handlers(key, handlers)
  local where = "hub:register_hook_handlers"
  argument.check(where, "key", key, "text")
  local problem = first_problem(function(report)
    hook.check_list("handlers", key, handlers, report)
  end)
  if problem then error(where .. ": " .. problem, 2) end
  local for_node, here = hook.split(key, handlers)
  if #for_node == 0 then return true end
  if next(here) and not policy.strategy(self.id, "distribution") then
    error(where .. ": immediate handlers can be registered by the program that started the hub only", 2)
  end
  local ok, err = core.request("hooks_register", { hub = self.id, key = key, handlers = for_node })
  if not ok then return nil, err end
  if next(here) then policy.add_handlers(self.id, key, here) end
  return true
end

--- Cancels handlers of one hook or event on this node; unknown ids are ignored.
---@param key string
---@param ids string[]
---@return true?
---@return luahub.Failure?
function Hub:cancel_hook_handlers(key, ids)
  argument.check("hub:cancel_hook_handlers", "key", key, "text")
  argument.list("hub:cancel_hook_handlers", "ids", ids, "text")
  if #ids == 0 then return true end
  local ok, err = core.request("hooks_cancel", { hub = self.id, key = key, ids = ids })
  if not ok then return nil, err end
  policy.remove_handlers(self.id, key, ids)
  return true
end

-- A first try found no pid, or was refused: waits and tries again within the deadline.
local function call_again(hub, id, request, ms, started, pid, err)
  local pause, seen = RETRY_FIRST_MS, false
  while true do
    if pid then
      if not NOT_TAKEN[failure.code(err)] then return nil, err end
      seen = true
    else
      seen = seen or core.lookup(hub.id, id) ~= nil
      err = select(2, failure.new("not_found", "hub %s has no running child %s", hub.id, id))
    end
    local limit = seen and ms or math.min(ms, UNKNOWN_WAIT_MS)
    if core.now() - started + pause >= limit then return nil, err end
    core.sleep(pause)
    pause = math.min(pause * 2, RETRY_MAX_MS)
    pid = get_pid(hub.id, id)
    if pid then
      local value
      value, err = core.call(pid, request, math.max(ms - (core.now() - started), 0))
      if err == nil then return value end
    end
  end
end

--- Calls a child wherever it is now, and waits within the deadline while it is starting, restarting or moving. A
--- request is sent again only when it was refused with "not here", never when its fate is unknown.
---@param id string
---@param request any  plain data
---@param ms? number   deadline; default 5000
---@return any  what the child replied; or nil and an error
---@return luahub.Failure?  codes not_found, timeout, crashed, unknown_outcome, ...
function Hub:call(id, request, ms)
  if ms ~= nil then argument.check("hub:call", "ms", ms, "ms") end
  local started, err = core.now(), nil
  local pid = get_pid(self.id, id)
  if pid then
    local value
    value, err = core.call(pid, request, ms or CALL_MS)
    if err == nil then return value end
  else
    argument.check("hub:call", "id", id, "text")
  end
  return call_again(self, id, request, ms or CALL_MS, started, pid, err)
end

--- Sends a message to a child wherever it is now; nothing is answered and nothing waits.
---@param id string
---@param message any  plain data
---@return true?
---@return luahub.Failure?  code not_found
function Hub:cast(id, message)
  local pid = get_pid(self.id, id)
  if pid then return core.cast(pid, message) end
  argument.check("hub:cast", "id", id, "text")
  return failure.new("not_found", "hub %s has no running child %s", self.id, id)
end

--- Sends a message to every instance of every child with this tag, as this node's copy of the registry has them.
---@param tag string
---@param message any  plain data
---@return integer? sent     to how many; nothing tells whether it arrived
---@return luahub.Failure?  code invalid: the message cannot be sent
function Hub:cast_tag(tag, message)
  argument.check("hub:cast_tag", "tag", tag, "text")
  local sent = 0
  for _, child in ipairs(self:tag_query(tag)) do
    for _, instance in ipairs(child.instances) do
      if instance.pid then
        local ok, err = core.cast(instance.pid, message)
        if not ok then return nil, err end
        sent = sent + 1
      end
    end
  end
  return sent
end

--- Changes the metadata of a child while it runs: `changes` are merged into it by the child's own node. Answered when
--- every node of the hub knows; the child sees it in its context, and is told by its module's `metadata`.
---@param id string
---@param changes table<string, any>  plain data
---@param options? luahub.MetadataOptions
---@return true?
---@return luahub.Failure?  codes not_found, invalid (too large), timeout
function Hub:set_metadata(id, changes, options)
  return metadata.set(self.id, id, changes, options)
end

--- What the nodes themselves say they run; see luahub.distributor.
---@param options? { scope: "global"|"local"?, timeout: number? }  default "local"; timeout in ms, default 5000
---@return table?
---@return luahub.Failure?
function Hub:which_children(options)
  options = argument.options("hub:which_children", options, option.which_children)
  if options.scope == "global" then return distributor.which_children_global(self, { timeout = options.timeout }) end
  return distributor.which_children_local(self)
end

--- Hands the children of this node on to others and closes the hub here.
---@return true?
---@return luahub.Failure?  code not_alive
function Hub:stop()
  local ok, err = core.request("hub_stop", { hub = self.id }, STOP_MS)
  if not ok then return nil, err end
  policy.close(self.id)
  return true
end

return M
