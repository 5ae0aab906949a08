-- node.lua - the node that runs in this program: start, hubs, wait, stop.
--
-- One node in a program. Its threads are the core's; this object only asks them. It lives in the main program, whose
-- waiting functions (wait, stop, start_hub, and all of luahub's) answer the node's questions meanwhile: a program
-- that does not wait makes decisions of custom strategies late.
--
--   start -> (ready: the first join is answered, or 3 s passed) -> hubs -> wait ... stop or signal -> ended

local core = require("luahub.core")
local config = require("luahub.config")
local failure = require("luahub.failure")
local hook = require("luahub.hook")
local hub = require("luahub.hub")
local policy = require("luahub.policy")
local runtime = require("luahub.runtime")
local strategy = require("luahub.strategy")

local READY_MS = 15000
local HUB_START_MS = 120000 -- static children included
local WAIT_MS = 86400000 -- a wait is repeated when it is over
local LEAVE_MS = 60000

-- The core's name for each role, where it is another.
local CORE_ROLE = { partition_tolerance = "partition" }

---@class luahub.Member
---@field name string
---@field state string   "alive", "suspect", "dead", "left", ...
---@field id string
---@field epoch integer  higher at every start of the node
---@field address string?
---@field hubs string[]
---@field is_self boolean

---@class luahub.Node
local Node = { __name = "luahub.node" }
Node.__index = Node

local M = {}

local function core_config(node)
  local out = { path = package.path, cpath = package.cpath }
  for _, field in ipairs({
    "name", "listen", "advertise", "join", "secret", "data_dir", "schedulers", "log_level", "handle_signals",
  }) do
    out[field] = node[field]
  end
  local directory, err = runtime.ensure(node.runtime_dir or runtime.directory())
  if not directory then return nil, err end
  out.runtime_dir = directory
  return out
end

--- Starts the node of a complete configuration (luahub.config.complete); hubs are started by `start_hubs`.
---@param complete luahub.Config
---@return luahub.Node?
---@return luahub.Failure?
function M.start(complete)
  local settings, err = core_config(complete.node)
  if not settings then return nil, err end
  local ok
  ok, err = core.start(settings)
  if not ok then return nil, err end
  policy.install(settings.name)
  return setmetatable({ settings_name = settings.name }, Node)
end

--- Waits until the node is ready: its first join was answered, or it has tried for 3 s.
---@return { name: string, address: string? }?  address nil: local only
---@return luahub.Failure?
function Node:ready()
  if self.info then return self.info end
  local info, err = core.request("ready", nil, READY_MS)
  if not info then return nil, err end
  self.info = info
  return info
end

local function hub_request(settings, strategies)
  local request, immediate = { id = settings.id, children = settings.children or {}, hooks = {} }, {}
  for _, role in ipairs(strategy.ROLES) do
    request[CORE_ROLE[role] or role] = strategy.describe(role, strategies[role])
  end
  for key, list in pairs(settings.hooks or {}) do
    request.hooks[key], immediate[key] = hook.split(key, list)
  end
  return request, immediate
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
  local factor = strategies.redundancy.factor({ nodes = {}, self = ready.name, hub = settings.id })
  if factor ~= 1 then
    local text = "hub.redundancy: factor() answered %s; this version runs one instance of each child"
    return failure.new("invalid_config", text, tostring(factor))
  end
  local request, immediate = hub_request(settings, strategies)
  policy.open(settings.id, strategies, immediate)
  local ok
  ok, err = core.request("hub_start", request, HUB_START_MS)
  if not ok then
    policy.close(settings.id)
    return nil, err
  end
  return hub.new(settings.id)
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
  return core.request("members")
end

--- A hub by its id.
---@param id string
---@return luahub.Hub
function Node:hub(id)
  return hub.new(id)
end

---@return string
function Node:name()
  return self.settings_name
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
