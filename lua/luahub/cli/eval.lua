-- cli/eval.lua - luahub eval NAME 'LUA': runs one chunk in a session of a running node.

local client = require("luahub.cli.client")
local exit = require("luahub.cli.exit")

local M = {
  usage = "luahub eval NAME 'LUA' [--json] [--timeout MS]",
  summary = "run one chunk of Lua on a running node",
  help = [[
Runs LUA as attach would (`hub` is the node's first hub, `luahub` the module), prints what it prints and then its first
value as readable Lua, or as JSON with --json. Exit status 1 and the message on stderr when it raises, or answers nil
and an error; 5 when it takes longer than --timeout (without it there is no limit). The session ends with this
program.]],
  positional = { "NAME", "LUA" },
  options = { json = {}, timeout = { value = "MS", number = true } },
}

function M.run(values)
  local text, code = client.eval(values.NAME, { code = values.LUA, json = values.json, timeout = values.timeout })
  if not text then return code end
  if text ~= "" then io.stdout:write(text, "\n") end
  return exit.OK
end

return M
