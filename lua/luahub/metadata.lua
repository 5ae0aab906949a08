-- metadata.lua - changing a child's metadata while it runs, for luahub.hub.
--
-- The child's host merges the change into its row, so that two who change different keys lose nothing.

local argument = require("luahub.argument")
local at_host = require("luahub.at_host")
local failure = require("luahub.failure")
local option = require("luahub.option")

---@class luahub.MetadataOptions
---@field remove? string[]   keys that go
---@field replace? boolean   all keys go that are not set now; default false
---@field timeout? number    ms until all nodes of the hub know; default 10000

local M = {}

local TIMEOUT_MS = 10000

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
  local answer, err = at_host.request_all("describe", request, options.timeout or TIMEOUT_MS)
  if not answer then return nil, err end
  if answer.status == "ok" then return true end
  return failure.new("timeout", "the metadata of %s was changed, but not all nodes said in time that they know", id)
end

return M
