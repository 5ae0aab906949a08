-- node.lua - the node that runs in this program: start, hubs, wait, stop.
--
-- One node in a program. Its threads are the core's; this object only asks them. It lives in the main program, whose
-- waiting functions (wait, stop, start_hub, and all of luahub's) answer the node's questions meanwhile: a program
-- that does not wait makes decisions of custom strategies late.
--
--   start -> (ready: the first join is answered, or 3 s passed) -> hubs -> wait ... stop or signal -> ended

local core = require("luahub.core")
local config = require("luahub.config")
local facts = require("luahub.facts")
local failure = require("luahub.failure")
local hook = require("luahub.hook")
local hub = require("luahub.hub")
local members = require("luahub.members")
local policy = require("luahub.policy")
local redundancy = require("luahub.redundancy")
local runtime = require("luahub.runtime")
local strategy = require("luahub.strategy")

local READY_MS = 15000
local STATIC_START_MS = 60000 -- for all static children of a hub
local WAIT_MS = 86400000 -- a wait is repeated when it is over
local LEAVE_MS = 60000
-- limit: how long a redundancy strategy's factor() may take when its hub starts | code invalid_config |
-- spec/input/strategy_spec.lua: is refused in one line when the hub starts, and disturbs no other node
local FACTOR_MS = 5000

-- The core's name for each role, where it is another.
local CORE_ROLE = { partition_tolerance = "partition" }

---@class luahub.Node
local Node = { __name = "luahub.node" }
Node.__index = Node

local M = {}

local function core_config(node)
  local out = { path = package.path, cpath = package.cpath }
  for _, field in ipairs({
    "name", "listen", "advertise", "join", "secret", "allow_file", "allowed", "data_dir", "schedulers", "heap_memory",
    "log_level", "handle_signals",
  }) do
    out[field] = node[field]
  end
  local directory, err = runtime.ensure(node.runtime_dir or runtime.directory())
  if not directory then return nil, err end
  out.runtime_dir = directory
  if node.data_dir then
    directory, err = runtime.ensure(node.data_dir, "data_dir")
    if not directory then return nil, err end
  end
  return out
end

--- Starts the node of a complete configuration (luahub.config.complete); hubs are started by `start_hubs`.
---@param complete luahub.Config
---@return luahub.Node?
---@return luahub.Failure?
function M.start(complete)
  local settings, err = core_config(complete.node)
  if not settings then return nil, err end
  settings.hubs_to_come = #complete.hubs > 0
  local ok
  ok, err = core.start(settings)
  if not ok then return nil, failure.adopt(err) end
  policy.install()
  ok, err = facts.tell(complete.node)
  if not ok then return nil, err end
  return setmetatable({ settings_name = settings.name }, Node)
end

--- The node in whose main heap this runs: a simulated one, which was started from outside.
---@param name string
---@return luahub.Node
function M.adopt(name)
  policy.install()
  return setmetatable({ settings_name = name }, Node)
end

--- Waits until the node is ready: its first join was answered, or it has tried for 3 s.
---@return { name: string, address: string? }?  address nil: local only
---@return luahub.Failure?
function Node:ready()
  if self.info then return self.info end
  local info, err = core.request("ready", nil, READY_MS)
  if not info then return nil, err end
  info.address = info.address or nil -- false: local only
  self.info = info
  return info
end

local function hub_request(id, strategies)
  local request = { id = id }
  for _, role in ipairs(strategy.ROLES) do
    request[CORE_ROLE[role] or role] = strategy.describe(role, strategies[role])
  end
  return request
end

-- Splits the hooks of a configuration by where their handlers run.
local function split_hooks(hooks)
  local for_node, immediate = {}, {}
  for key, list in pairs(hooks or {}) do
    for_node[key], immediate[key] = hook.split(key, list)
  end
  return for_node, immediate
end

local function cancel_hooks(id, hooks)
  for key, list in pairs(hooks) do
    local ids = {}
    for i, handler in ipairs(list) do
      ids[i] = handler.id
    end
    if #ids > 0 then core.request("hooks_cancel", { hub = id, key = key, ids = ids }) end
  end
end

local function register_hooks(id, hooks)
  for key, list in pairs(hooks) do
    if #list > 0 then
      local ok, err = core.request("hooks_register", { hub = id, key = key, handlers = list, opening = true })
      if not ok then return nil, err end
    end
  end
  return true
end

-- Hooks first: an open hub may be given children at once.
local function open_hub(id, strategies, hooks)
  local ok, err = register_hooks(id, hooks)
  if ok then
    ok, err = core.request("hub_start", hub_request(id, strategies), READY_MS)
  end
  if ok then return true end
  cancel_hooks(id, hooks)
  return nil, err
end

-- What no node may have now, or this side may not start, the hub starts later.
local TO_COME = { already_started = true, no_nodes = true, partitioned = true }

-- The same file on every node is the normal case: children that run already are what was wanted. Where a quorum
-- decides, the hub starts all of them later, as soon as there is one.
local function start_static(id, children)
  if not children or #children == 0 then return true end
  local options = { timeout = STATIC_START_MS, check_existing = true, wanted = true }
  local request = { hub = id, children = children, options = options }
  local answer, err = core.request("start", request, STATIC_START_MS + READY_MS)
  if not answer then return nil, err end
  if answer == "start_initiated" then return true end
  for _, e in ipairs(answer.errors) do
    if not TO_COME[e.code] then
      return failure.new(e.code, "child %s: %s", e.id, failure.line(e.message))
    end
  end
  return true
end

-- A redundancy strategy of the user's says how many instances there are, and of what kind; the rest is replication's.
local function settle_redundancy(strategies, view)
  local own = strategies.redundancy
  if strategy.is_built_in(own) then return true end
  local answered, factor = core.within(FACTOR_MS, own.factor, view)
  if not answered then
    return failure.new("invalid_config", "hub.redundancy: factor() failed: %s", failure.line(factor))
  end
  local built, err = redundancy.answered(own, factor)
  if not built then return failure.new("invalid_config", "hub.redundancy: %s", err) end
  strategies.redundancy = built
  local problem
  config.check_together("hub", strategies, function(path, message)
    problem = problem or ("%s: %s"):format(path, message)
  end)
  if problem then return failure.new("invalid_config", "%s", problem) end
  return true
end

--- Starts a hub on this node once the node is ready, and its static children; those that run already, here or
--- elsewhere, are left alone.
---@param settings luahub.HubConfig
---@return luahub.Hub?
---@return luahub.Failure?  code invalid_config, exists, ...
function Node:start_hub(settings)
  local problem
  config.check_hub("hub", settings, function(path, message)
    problem = problem or ("%s: %s"):format(path, message)
  end)
  if problem then return failure.new("invalid_config", "%s", problem) end
  local ready, err = self:ready()
  if not ready then return nil, err end
  if policy.strategy(settings.id, "distribution") then
    return failure.new("exists", "hub %s runs already", settings.id)
  end
  local strategies = policy.with_defaults(settings)
  local ok
  ok, err = settle_redundancy(strategies, { nodes = {}, self = self:name(), hub = settings.id })
  if not ok then return nil, err end
  local hooks, immediate = split_hooks(settings.hooks)
  policy.open(settings.id, strategies, immediate)
  ok, err = open_hub(settings.id, strategies, hooks)
  if not ok then
    policy.close(settings.id)
    return nil, err
  end
  local started = hub.new(settings.id)
  ok, err = start_static(settings.id, settings.children)
  if not ok then
    started:stop()
    cancel_hooks(settings.id, hooks)
    return nil, err
  end
  return started
end

--- The hubs of the configuration run: commands that came meanwhile are carried out from now on.
function Node:serve()
  core.request("serve")
end

--- Waits until the node has ended: by `stop`, by `luahub stop`, or by a signal.
---@return true?
---@return luahub.Failure?
function Node:wait()
  while true do
    local ok, err = core.request("wait", nil, WAIT_MS)
    if ok then return true end
    if failure.code(err) ~= "timeout" then return nil, err end
  end
end

--- Leaves the cluster: hands the children of this node on, then ends it.
---@return true?
---@return luahub.Failure?
function Node:stop()
  local ok, err = core.request("leave", nil, LEAVE_MS)
  core.stop_now()
  if not ok then return nil, err end
  return true
end

Node.__close = Node.stop

--- The nodes of the cluster as this one sees them, itself included.
---@return luahub.Member[]?
---@return luahub.Failure?
function Node:members()
  return members.list()
end

--- A hub by its id.
---@param id string
---@return luahub.Hub
function Node:hub(id)
  return hub.new(id)
end

--- As the others know it: the configured name, or another when that was held elsewhere after a split.
---@return string
function Node:name()
  local info = core.request("info")
  return info and info.name or self.settings_name
end

--- "host:port" that this node listens on, or nil when it is local only. Waits until the node is ready.
---@return string?
---@return luahub.Failure?
function Node:address()
  local info, err = self:ready()
  if not info then return nil, err end
  return info.address
end

function Node:__tostring()
  return ("node(%s)"):format(self.settings_name)
end

return M
