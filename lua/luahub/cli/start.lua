-- cli/start.lua - luahub start FILE: runs a node in the foreground until it is told to leave.

local complain = require("luahub.cli.complain")
local config = require("luahub.config")
local exit = require("luahub.cli.exit")
local failure = require("luahub.failure")

local M = {
  usage = "luahub start FILE [--name N] [--listen HOST:PORT] [--join HOST:PORT]...",
  summary = "run a node in the foreground",
  help = [[
Runs the node that FILE describes. FILE is Lua and returns { node = {...}, hubs = {...} }; options win over it, and
every --join is added to its list. One line is printed once the hubs are ready. SIGTERM and SIGINT hand the children on
and leave; a second one ends the node at once.]],
  positional = { "FILE" },
  options = {
    name = { value = "N" },
    listen = { value = "HOST:PORT" },
    join = { value = "HOST:PORT", many = true },
  },
}

-- Strategies and hooks see tables in an order that does not depend on hashing.
local function fix_order()
  local ordered = require("luahub.core").ordered
  pairs, next = ordered.pairs, ordered.next -- luacheck: ignore 121
end

local function override(loaded, values)
  if loaded.node ~= nil and type(loaded.node) ~= "table" then return end
  local node = {}
  for key, value in pairs(loaded.node or {}) do
    node[key] = value
  end
  node.name = values.name or node.name
  node.listen = values.listen or node.listen
  if values.join then
    local join = type(node.join) == "table" and table.move(node.join, 1, #node.join, 1, {}) or {}
    node.join = table.move(values.join, 1, #values.join, #join + 1, join)
  end
  loaded.node = node
end

--- Loads FILE, applies the options and checks it all.
---@param path string
---@param values table  name, listen, join
---@return luahub.Config?
---@return luahub.Failure?
function M.configuration(path, values)
  local loaded, directory = config.load(path)
  if not loaded then return nil, directory end
  override(loaded, values)
  return config.prepare(loaded, directory)
end

--- Prints what is wrong with a configuration, one line a problem.
---@param path string
---@param err luahub.Failure
function M.report(path, err)
  for _, line in ipairs(err.problems or { err.message }) do
    complain(line:find(path, 1, true) and line or ("%s: %s"):format(path, line))
  end
end

local function start_hubs(node, hubs)
  for _, settings in ipairs(hubs) do
    local hub, err = node:start_hub(settings)
    if not hub then return nil, ("hub %s: %s"):format(settings.id, tostring(err)) end
  end
  return true
end

-- Why the node is not, or no longer, here: one line, and the exit code.
local function complain_of(err, code)
  complain(tostring(err))
  return failure.code(err) == "duplicate_identity" and exit.CONFIG or code
end

local function run_node(node, complete)
  local info, err = node:ready()
  local ok = info and true
  if info then
    ok, err = start_hubs(node, complete.hubs)
  end
  if not ok then
    local code = complain_of(err, exit.START)
    node:stop()
    return code
  end
  node:serve()
  local where = info.address and "on " .. info.address or ", local only"
  io.stdout:write("luahub: ", info.name, " ready", info.address and " " or "", where, "\n")
  io.stdout:flush()
  ok, err = node:wait()
  require("luahub.core").stop_now()
  return ok and exit.OK or complain_of(err, exit.FAILED)
end

function M.run(values)
  fix_order()
  local complete, err = M.configuration(values.FILE, values)
  if not complete then
    M.report(values.FILE, err)
    return exit.CONFIG
  end
  local node
  node, err = require("luahub.node").start(complete)
  if not node then
    complain(tostring(err))
    return exit.START
  end
  return run_node(node, complete)
end

return M
