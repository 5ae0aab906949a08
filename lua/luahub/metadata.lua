-- metadata.lua - changing a child's metadata while it runs, for luahub.hub.
--
-- The child's host merges the change into its row, so that two who change different keys lose nothing. Here the host is
-- looked up, and asked again, within the deadline, only after an explicit "not here": the child is on its way.

local core = require("luahub.core")
local argument = require("luahub.argument")
local failure = require("luahub.failure")
local option = require("luahub.option")

---@class luahub.MetadataOptions
---@field remove? string[]   keys that go
---@field replace? boolean   all keys go that are not set now; default false
---@field timeout? number    ms until all nodes of the hub know; default 10000

local M = {}

local TIMEOUT_MS = 10000
local ANSWER_MARGIN_MS = 1000 -- what the answer may take beyond the operation's own time
local RETRY_FIRST_MS = 20

-- Nobody took the request: the child is on its way, or its host is not reached.
local NOT_TAKEN = { not_here = true, not_found = true, not_alive = true, unreachable = true }

local function host_of(hub_id, id)
  local child = core.lookup(hub_id, id)
  if not child then return failure.new("not_found", "hub %s has no child %s", hub_id, id) end
  return child.instances[1].node
end

local function ask(hub_id, id, request, left)
  local err
  request.node, err = host_of(hub_id, id)
  if not request.node then return nil, err end
  request.timeout = left
  local answer
  answer, err = core.request("describe", request, left + ANSWER_MARGIN_MS)
  if not answer then return nil, err end
  if answer.status == "ok" then return true end
  return failure.new("timeout", "the metadata of %s was changed, but not all nodes said in time that they know", id)
end

--- Changes the metadata of a child; see luahub.Hub:set_metadata.
---@param hub_id string
---@param id string
---@param changes table
---@param options? luahub.MetadataOptions
---@return true?
---@return luahub.Failure?
function M.set(hub_id, id, changes, options)
  local where = "hub:set_metadata"
  argument.check(where, "id", id, "text")
  argument.check(where, "changes", changes, "table")
  for key in pairs(changes) do
    argument.check(where, "a key of changes", key, "text")
  end
  options = argument.options(where, options, option.metadata)
  if options.remove then argument.list(where, "remove", options.remove, "text") end
  local request = { hub = hub_id, id = id, set = changes, remove = options.remove, replace = options.replace }
  local by = core.now() + (options.timeout or TIMEOUT_MS)
  while true do
    local answer, err = ask(hub_id, id, request, math.max(math.floor(by - core.now()), 0))
    if answer or not NOT_TAKEN[err.code] then return answer, err end
    if core.now() + RETRY_FIRST_MS >= by or core.lookup(hub_id, id) == nil then return nil, err end
    core.sleep(RETRY_FIRST_MS)
  end
end

return M
