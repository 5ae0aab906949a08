-- migrate.lua - one child moved by hand, and kept where it is: methods of luahub.Hub.

local core = require("luahub.core")
local argument = require("luahub.argument")
local at_host = require("luahub.at_host")
local failure = require("luahub.failure")
local option = require("luahub.option")

local TIMEOUT_MS = 10000
local LOOK_MS = 5

---@class luahub.Hub
local Migrate = {}

local function runs_on(hub, id)
  local child = core.lookup(hub.id, id)
  local instance = child and child.instances[1]
  return instance and instance.node, instance and instance.state
end

--- Moves a child to a node, as the hub's migration moves children, and keeps it there: a change of members does not
--- move it on, until `release_child`. Where it runs already it is kept. It is recovered as any other when that node
--- dies, and stays where it is then; a drain moves it on.
---@param id string
---@param node string  its name
---@param options? { timeout: integer? }  ms until it runs there; 10000
---@return true?
---@return luahub.Failure?  codes not_found, not_a_member (no such node takes children of the hub), timeout (it goes on
---                         where it is, and may still go)
function Migrate:migrate_child(id, node, options)
  local where = "hub:migrate_child"
  argument.check(where, "id", id, "text")
  argument.check(where, "node", node, "text")
  options = argument.options(where, options, option.migrate)
  local by = core.now() + (options.timeout or TIMEOUT_MS)
  local ok, err = at_host.request("migrate", { hub = self.id, id = id, to = node }, by - core.now())
  if not ok then return nil, err end
  while true do
    local at, state = runs_on(self, id)
    if at == node and state == "running" then return true end
    if core.now() + LOOK_MS >= by then
      return failure.new("timeout", "child %s does not run on %s in time: it is on %s", id, node, at or "no node")
    end
    core.sleep(LOOK_MS)
  end
end

--- Says that a child which put its move off is ready now: it moves at once to where it belongs. For a child to call as
--- well, with what `luahub.context()` says.
---@param id string
---@return true?
---@return luahub.Failure?  codes not_found, not_deferred (it was not asked, or has moved)
function Migrate:migration_ready(id)
  argument.check("hub:migration_ready", "id", id, "text")
  local ok, err = at_host.request("migration_ready", { hub = self.id, id = id }, TIMEOUT_MS)
  if not ok then return nil, err end
  return true
end

--- Lets a child that was moved by hand, or pinned by its start, go where it belongs.
---@param id string
---@return true?
---@return luahub.Failure?  code not_found
function Migrate:release_child(id)
  argument.check("hub:release_child", "id", id, "text")
  local ok, err = at_host.request("release", { hub = self.id, id = id }, TIMEOUT_MS)
  if not ok then return nil, err end
  return true
end

return Migrate
