-- distributor.lua - starts, stops, moves and lists the children of a hub.
--
-- A service under luahub.hub, whose functions go through here. What can be known here is checked at once; the rest is
-- the node's work, and its outcome reaches those who await it.

local core = require("luahub.core")
local argument = require("luahub.argument")
local batch = require("luahub.batch")
local failure = require("luahub.failure")
local option = require("luahub.option")
local spec = require("luahub.spec")

local M = {}

local OPERATION_MS = 10000
local WHICH_MS = 5000
local MS_A_CHILD = 1

---@class luahub.StartOptions
---@field awaitable? boolean       answer a future; default false
---@field timeout? number          ms for the whole operation; default 10000 and 1 for each child
---@field check_existing? boolean  refuse the whole call when an id is there already; default true
---@field on_failure? "continue"|"rollback"  stop what started when something failed; default "continue"
---@field ack? "none"|"one"|"majority"|"all"  awaited, it is answered when so many other members than the host know of
---                                 the child; default "one"
---@field metadata? table          metadata of all these children; a spec's own wins
---@field child_metadata? table<string, table>  metadata by child id; wins over both
---@field child_mapping? table<string, string[]>  nodes by child id, for strategies that want them
---@field disable_logging? boolean no log lines about children that failed to start; default false

---@class luahub.StopOptions
---@field awaitable? boolean  answer a future; default false
---@field timeout? number     ms for the whole operation; default 10000 and 1 for each child

-- A large batch has the time it takes, so that none is given up for its size.
local function timeout_of(options, count)
  return math.floor(options.timeout or OPERATION_MS + count * MS_A_CHILD)
end

-- The options that travel: all but what concerns only the caller, under the core's names.
local function travelling(options, count)
  local out = {}
  for name, value in pairs(options) do
    out[name] = value
  end
  out.awaitable, out.disable_logging = nil, nil
  out.quiet = options.disable_logging
  out.timeout = timeout_of(options, count)
  return out
end

local function alive(hub_id)
  local state, err = core.request("hub_state", { hub = hub_id })
  if not state then return nil, err end
  if not state.alive then return failure.new("not_alive", "hub %s does not run on this node", hub_id) end
  return true
end

local function existing(hub_id, specs)
  local ids = {}
  for i = 1, #specs do
    local id = specs[i].id
    if core.get_pid(hub_id, id) then ids[#ids + 1] = id end
  end
  if #ids == 0 then return nil end
  local shown = #ids == 1 and ids[1] or ("%s and %d more"):format(ids[1], #ids - 1)
  local _, err = failure.with("already_started", "already started: " .. shown, { ids = ids })
  return err
end


--- Starts children.
---@param hub luahub.Hub|string
---@param specs luahub.ChildSpec[]
---@param options? luahub.StartOptions
---@param where? string  the function that errors name; for luahub.hub
---@return "start_initiated"|luahub.Future|nil  awaited (the future can also be called) it answers a luahub.StartResult
---@return luahub.Failure?  codes no_children, already_started (with ids), invalid_spec, not_alive; when awaited also
--- child_start_timeout
function M.init_children(hub, specs, options, where)
  where = where or "distributor.init_children"
  local hub_id = argument.hub_id(where, hub)
  argument.check(where, "specs", specs, "table")
  options = argument.options(where, options, option.start)
  if #specs == 0 then
    if next(specs) ~= nil then error(where .. ": specs: expected a list of child specs, got a table with keys", 2) end
    return failure.new("no_children", "no children to start: the list is empty")
  end
  local problem = spec.problem(specs)
  if problem then return failure.new("invalid_spec", "%s", problem) end
  local ok, err = alive(hub_id)
  if not ok then return nil, err end
  if options.check_existing ~= false then
    err = existing(hub_id, specs)
    if err then return nil, err end
  end
  local request = { hub = hub_id, children = specs, options = travelling(options, #specs) }
  local timeout = request.options.timeout
  local go = options.awaitable and batch.ask or batch.begin
  return go("start", request, timeout)
end

--- Stops children, all instances of each. Unknown ids are entries in the result's errors.
---@param hub luahub.Hub|string
---@param ids string[]
---@param options? luahub.StopOptions
---@param where? string  the function that errors name; for luahub.hub
---@return "stop_initiated"|luahub.Future|nil  awaited it answers a luahub.StopResult
---@return luahub.Failure?  code not_alive
function M.stop_children(hub, ids, options, where)
  where = where or "distributor.stop_children"
  local hub_id = argument.hub_id(where, hub)
  argument.list(where, "ids", ids, "text")
  options = argument.options(where, options, option.stop)
  local ok, err = alive(hub_id)
  if not ok then return nil, err end
  local request = { hub = hub_id, ids = ids, options = travelling(options, #ids) }
  local timeout = request.options.timeout
  local go = options.awaitable and batch.ask or batch.begin
  return go("stop", request, timeout)
end

local function check_synchronization(where, hub_id, given)
  if given == nil then return end
  local own = require("luahub.hub").synchronization(hub_id)
  local same = rawequal(given, own)
    or (type(given) == "table" and given.kind ~= nil and given.kind == own.kind)
  if not same then error(where .. ": synchronization: expected hub.synchronization or nil", 3) end
end

--- Stops a child that runs on this node and takes it out of every node's registry.
---@param hub luahub.Hub|string
---@param id string
---@param synchronization? luahub.Synchronization  hub.synchronization, or nil for the same
---@return true?
---@return luahub.Failure?  codes not_found, restarting, running
function M.child_terminate(hub, id, synchronization)
  local where = "distributor.child_terminate"
  local hub_id = argument.hub_id(where, hub)
  argument.check(where, "id", id, "text")
  check_synchronization(where, hub_id, synchronization)
  return core.request("terminate", { hub = hub_id, id = id }, OPERATION_MS)
end

--- Hands children of this node to another node.
---@param hub luahub.Hub|string
---@param specs luahub.ChildSpec[]
---@param node string
---@param options? { timeout: number? }  ms; default 10000
---@return "redistribution_initiated"|"no_children_to_redistribute"|nil
---@return luahub.Failure?
function M.children_redist_init(hub, specs, node, options)
  local where = "distributor.children_redist_init"
  local hub_id = argument.hub_id(where, hub)
  argument.check(where, "specs", specs, "table")
  argument.check(where, "node", node, "text")
  options = argument.options(where, options, option.redistribution)
  local problem = spec.problem(specs)
  if problem then return failure.new("invalid_spec", "%s", problem) end
  return core.request("redistribute", { hub = hub_id, specs = specs, node = node, options = options }, OPERATION_MS)
end

local function sorted(answer)
  if answer and answer.children then
    table.sort(answer.children, function(a, b)
      return a[1] < b[1]
    end)
  end
  return answer
end

--- What runs on this node.
---@param hub luahub.Hub|string
---@return { node: string, children: table[] }?  children: lists { id, pid or "restarting" or "undefined",
--- "worker" or "supervisor", { modules } }, sorted by id
---@return luahub.Failure?
function M.which_children_local(hub)
  local hub_id = argument.hub_id("distributor.which_children_local", hub)
  local runs, err = alive(hub_id)
  if not runs then return nil, err end
  local answer
  answer, err = core.request("which_children", { hub = hub_id })
  if not answer then return nil, err end
  return sorted(answer)
end

--- What runs on each node of the hub, as the nodes themselves say.
---@param hub luahub.Hub|string
---@param options? { timeout: number? }  ms for all of them together; default 5000
---@return table[]?  as which_children_local, one for each node; a silent one is { node =, error = }
---@return luahub.Failure?
function M.which_children_global(hub, options)
  local where = "distributor.which_children_global"
  local hub_id = argument.hub_id(where, hub)
  options = argument.options(where, options, option.which_children_global)
  local runs, err = alive(hub_id)
  if not runs then return nil, err end
  local names
  names, err = core.request("nodes", { hub = hub_id, include_local = true })
  if not names then return nil, err end
  local timeout = options.timeout or WHICH_MS
  local asked = {}
  for i, name in ipairs(names) do
    local ref, refused = core.request_async("which_children", { hub = hub_id, node = name })
    asked[i] = { ref = ref, err = refused }
  end
  local out, deadline = {}, core.now() + timeout
  for i, name in ipairs(names) do
    local answer, why = nil, asked[i].err
    if asked[i].ref then
      answer, why = core.await(asked[i].ref, math.max(deadline - core.now(), 0))
    end
    out[i] = sorted(answer) or { node = name, error = failure.code(why) or tostring(why) }
  end
  return out
end

return M
