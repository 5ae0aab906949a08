-- lookup.lua - what a hub answers from this node's copy of the registry: methods of luahub.Hub that ask nobody.
--
-- Looking up is what users do most, so in get_pid, get_pids and child_lookup the id is checked only when nothing was
-- found: the core finds nothing by what is no string.

local core = require("luahub.core")
local argument = require("luahub.argument")
local option = require("luahub.option")

local get_pid = core.get_pid

---@class luahub.Hub
local Lookup = {}

--- A child as the registry has it here, or nil.
---@param id string
---@param options? { with_metadata: boolean? }
---@return { id: string, spec: luahub.ChildSpec, instances: luahub.Instance[], metadata: table? }?
function Lookup:child_lookup(id, options)
  if options ~= nil then options = argument.options("hub:child_lookup", options, option.lookup) end
  local child = core.lookup(self.id, id)
  if not child then
    argument.check("hub:child_lookup", "id", id, "text")
  elseif not (options and options.with_metadata) then
    child.metadata = nil
  end
  return child
end

--- The pid of a child's first instance, or nil.
---@param id string
---@return userdata?
function Lookup:get_pid(id)
  local pid = get_pid(self.id, id)
  if not pid then argument.check("hub:get_pid", "id", id, "text") end
  return pid
end

--- The pids of all instances of a child; empty when it is unknown.
---@param id string
---@return userdata[]
function Lookup:get_pids(id)
  local pids = core.get_pids(self.id, id)
  if not pids[1] then argument.check("hub:get_pids", "id", id, "text") end
  return pids
end

local function list(hub, where, options, extra)
  options = argument.options(where, options, option.page, 3)
  extra.limit, extra.after = options.limit, options.after
  return core.list(hub.id, extra)
end

--- The children of the hub, or of this node, sorted by id.
---@param scope? "global"|"local"  default "global"
---@param options? { limit: integer?, after: string? }  a page: at most `limit`, those behind the id `after`
---@return { id: string, instances: luahub.Instance[] }[]
function Lookup:process_list(scope, options)
  argument.one_of("hub:process_list", "scope", scope or "global", { "global", "local" })
  local out = list(self, "hub:process_list", options, { scope = scope or "global" })
  return out
end

--- The children with their specs and metadata, sorted by id.
---@param options? { limit: integer?, after: string? }  a page, as in `process_list`
---@return { id: string, spec: luahub.ChildSpec, metadata: table, instances: luahub.Instance[] }[]
function Lookup:registry_dump(options)
  local out = list(self, "hub:registry_dump", options, { scope = "global", dump = true })
  return out
end

--- The children whose metadata has this `tag`, sorted by id.
---@param tag string
---@return { id: string, instances: luahub.Instance[] }[]
function Lookup:tag_query(tag)
  argument.check("hub:tag_query", "tag", tag, "text")
  return core.list(self.id, { scope = "global", tag = tag })
end

--- The children whose metadata has this key, whatever its value, sorted by id.
---@param key string
---@return { id: string, instances: luahub.Instance[], value: any }[]
function Lookup:metadata_query(key)
  argument.check("hub:metadata_query", "key", key, "text")
  return core.list(self.id, { scope = "global", key = key })
end

return Lookup
