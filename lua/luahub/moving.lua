-- moving.lua - what every migration may say of how a hub's children move, a user's own as the built-in ones: asked
-- first or not, how fast, and how soon to a node that comes and goes.
--
-- Checks it and makes of it what the core is told. How a child goes, cold or hot, is not said here.

local argument = require("luahub.argument")
local option = require("luahub.option")

local M = {}

local QUIET_MS = 30000

-- What the core is told: whole numbers, and a timeout that is not 0, which would ask nobody.
local function consent_of(consent)
  return {
    timeout = math.max(1, math.floor(consent.timeout or 5000)),
    retry_interval = math.max(1, math.floor(consent.retry_interval or 10000)),
    max_defer_time = math.floor(consent.max_defer_time or 600000),
  }
end

--- What is wrong with the settings in a user's own migration, as one line; nil when nothing is.
---@param migration table
---@return string?
function M.problem(migration)
  local own = {}
  for _, name in ipairs(option.moving.known) do
    own[name] = migration[name]
  end
  return argument.problem("", own, option.moving)
    or argument.problem("consent", own.consent, option.consent)
end

--- The settings of a checked migration as the core is told them.
---@param migration table
---@return { consent: table?, children_per_second: integer?, bytes_per_second: integer?, quiet_time: integer }
function M.described(migration)
  local bytes = migration.bytes_per_second
  return {
    consent = migration.consent and consent_of(migration.consent),
    children_per_second = migration.children_per_second,
    bytes_per_second = bytes and math.min(bytes, 0x7fffffff),
    quiet_time = math.floor(migration.quiet_time or QUIET_MS),
  }
end

return M
