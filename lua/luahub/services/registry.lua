-- registry.lua - reads of this node's copy of the registry.
--
-- There is nothing here that writes: a node's rows are written by that node alone, for what it runs. A script changes
-- them by what it has the hub do (start, stop, move); so what the registry says is always what runs.

local core = require("luahub.core")
local argument = require("luahub.argument")
local hub = require("luahub.hub")

local M = {}

local function hub_of(where, given)
  return hub.new(argument.hub_id(where, given, 3))
end

--- A child; see hub:child_lookup.
---@param given luahub.Hub|string
---@param id string
---@param options? { with_metadata: boolean? }
---@return table?
function M.lookup(given, id, options)
  return hub_of("registry.lookup", given):child_lookup(id, options)
end

---@param given luahub.Hub|string
---@param id string
---@return userdata?
function M.get_pid(given, id)
  return hub_of("registry.get_pid", given):get_pid(id)
end

---@param given luahub.Hub|string
---@param id string
---@return userdata[]
function M.get_pids(given, id)
  return hub_of("registry.get_pids", given):get_pids(id)
end

--- The ids among these that the registry knows, each once, in the order given.
---@param given luahub.Hub|string
---@param ids string[]
---@return string[]
function M.contains_children(given, ids)
  local where = "registry.contains_children"
  local id = argument.hub_id(where, given)
  argument.list(where, "ids", ids, "text")
  local out, seen = {}, {}
  for _, child in ipairs(ids) do
    if not seen[child] and core.lookup(id, child) then out[#out + 1] = child end
    seen[child] = true
  end
  return out
end

--- The children whose metadata has this tag.
---@param given luahub.Hub|string
---@param tag string
---@return { id: string, instances: luahub.Instance[] }[]
function M.match_tag(given, tag)
  return hub_of("registry.match_tag", given):tag_query(tag)
end

--- All children, or those of this node; see hub:process_list.
---@param given luahub.Hub|string
---@param scope? "global"|"local"
---@param options? { limit: integer?, after: string? }
---@return table[]
function M.process_list(given, scope, options)
  return hub_of("registry.process_list", given):process_list(scope, options)
end

--- All children with specs and metadata; see hub:registry_dump.
---@param given luahub.Hub|string
---@param options? { limit: integer?, after: string? }
---@return table[]
function M.dump(given, options)
  return hub_of("registry.dump", given):registry_dump(options)
end

--- The children that this node's ledger has, with specs and metadata, sorted by id. `instances` are those of this node.
---@param given luahub.Hub|string
---@return { id: string, spec: luahub.ChildSpec, metadata: table, instances: luahub.Instance[] }[]
function M.local_data(given)
  return core.list(argument.hub_id("registry.local_data", given), { scope = "local", dump = true })
end

--- The specs of the children of this node, sorted by id.
---@param given luahub.Hub|string
---@return luahub.ChildSpec[]
function M.local_child_specs(given)
  local specs = {}
  for i, child in ipairs(core.list(argument.hub_id("registry.local_child_specs", given),
    { scope = "local", dump = true })) do
    specs[i] = child.spec
  end
  return specs
end

return M
