-- init.lua - `require "luahub"`: the actor functions, hubs, and a node of one's own.
--
-- The same table in the main program, in children, in hooks and in REPL sessions. What only some need (strategies,
-- the node, the services) is loaded when it is first used, so that a heap with one counter stays small.
--
-- The actor functions are the core's own. Whatever waits yields; a failure is nil and an error { code, message };
-- misuse raises at the caller's level. All times are milliseconds.

local core = require("luahub.core")

---@class luahub
---@field version string
---@field distribution table
---@field redundancy table
---@field migration table
---@field synchronization table
---@field partition_tolerance table
---@field dispatcher table
---@field distributor table
---@field hook_manager table
---@field cluster table
---@field mailbox table
---@field registry table
---@field state table
---@field storage table
---@field synchronizer table
---@field spawn fun(body: function|table, options?: { node: string? }): userdata?, luahub.Failure?
---                a function runs in the caller's heap; { "module", args... } on any node
---@field send fun(pid: userdata, message: any): true?, luahub.Failure?
---@field call fun(pid: userdata, request: any, ms?: number): any, luahub.Failure?  default 5000 ms
---@field cast fun(pid: userdata, message: any): true?, luahub.Failure?
---@field receive fun(ms?: number): any, luahub.Failure?  the next message; code "timeout"
---@field monitor fun(pid: userdata): any  a ref; a message { type = "down", ref, pid, reason } when it ends
---@field demonitor fun(ref: any): true
---@field link fun(pid: userdata): true?, luahub.Failure?
---@field unlink fun(pid: userdata): true
---@field trap_exit fun(on: boolean): boolean  a linked end becomes a message { type = "exit", reason, pid }
---@field send_after fun(ms: number, pid: userdata, message: any): any  a ref
---@field cancel fun(ref: any): boolean
---@field sleep fun(ms: number)
---@field self fun(): userdata
---@field exit fun(reason?: any)  ends the calling actor
---@field reply fun(from: any, value: any): true?, luahub.Failure?
---@field later any  what a server's call answers when it replies afterwards
---@field counters fun(): table<string, table<string, integer>>?, luahub.Failure?  what this node has counted, by room
---@field context fun(): { hub: string?, id: string?, generation: integer?, node: string, metadata: table? }
local M = {
  version = core.version,
  later = core.later,
}

local ACTOR_FUNCTIONS = {
  "spawn", "send", "call", "cast", "receive", "monitor", "demonitor", "link", "unlink", "trap_exit", "send_after",
  "cancel", "sleep", "self", "exit", "reply", "context",
}
for _, name in ipairs(ACTOR_FUNCTIONS) do
  M[name] = core[name]
end

local LAZY = {
  cluster = "luahub.services.cluster",
  distribution = "luahub.distribution",
  redundancy = "luahub.redundancy",
  migration = "luahub.migration",
  synchronization = "luahub.synchronization",
  partition_tolerance = "luahub.partition_tolerance",
  dispatcher = "luahub.dispatcher",
  distributor = "luahub.distributor",
  hook_manager = "luahub.services.hook_manager",
  log = "luahub.log",
  mailbox = "luahub.services.mailbox",
  registry = "luahub.services.registry",
  ring = "luahub.services.ring",
  state = "luahub.services.state",
  storage = "luahub.services.storage",
  synchronizer = "luahub.services.synchronizer",
}

setmetatable(M, {
  __index = function(module, key)
    local name = LAZY[key]
    if not name then return nil end
    local value = require(name)
    rawset(module, key, value)
    return value
  end,
})

--- The hub with this id, in any heap of a node that runs it.
---@param id string
---@return luahub.Hub
function M.hub(id)
  return require("luahub.hub").new(id)
end

--- Awaits a future; see luahub.future.
---@param future luahub.Future?
---@param err? luahub.Failure
---@return any
---@return luahub.Failure?
function M.await(future, err)
  local value, problem = require("luahub.future").await(future, err)
  return value, problem -- not a tail call: a misuse is told at the caller's place
end

--- What this node has counted since it was started: { room = { name = integer } }. doc/limits.md says what each means.
---@return table<string, table<string, integer>>?
---@return luahub.Failure?
function M.counters()
  return core.request("counters")
end

--- Starts a node in this program and answers at once. Hubs listed in the configuration are started before it answers,
--- which waits until the node is ready.
---@param config luahub.Config|luahub.NodeConfig  { node = {...}, hubs = {...} }, or the fields of `node` alone
---@return luahub.Node?
---@return luahub.Failure?  code invalid_config (message: the first problem; `problems`: all lines), address_in_use, ...
function M.start(config)
  if config ~= nil and type(config) ~= "table" then
    error("luahub.start: config: expected a table, got " .. type(config), 2)
  end
  config = config or {}
  if config.node == nil and config.hubs == nil then config = { node = config } end
  local complete, err = require("luahub.config").prepare(config)
  if not complete then return nil, err end
  local node
  node, err = require("luahub.node").start(complete)
  if not node then return nil, err end
  for _, settings in ipairs(complete.hubs) do
    local hub
    hub, err = node:start_hub(settings)
    if not hub then
      node:stop()
      return nil, err
    end
  end
  node:serve()
  return node
end

return M
