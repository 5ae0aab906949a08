-- cli/openness.lua - what drain, undrain, cordon and uncordon have in common: one question about each hub of a node.

local client = require("luahub.cli.client")
local complain = require("luahub.cli.complain")
local exit = require("luahub.cli.exit")

local M = {}

local CHUNK = [[
local core, luahub = require("luahub.core"), require("luahub")
local hubs = { %s }
if not hubs[1] then hubs = assert(core.request("hubs")) end
local out = {}
for i, id in ipairs(hubs) do
  local answer, err = luahub.hub(id):%s(%s)
  out[i] = { hub = id, answer = answer, message = err and err.message }
end
return out]]

--- Calls a method of the hub named, or of every hub of the node, and prints a line for each.
---@param values table        the command's arguments
---@param method string       of luahub.Hub
---@param argument string     Lua, what it is given
---@param line fun(answer: any): string, boolean?  what is printed of an answer, and whether it is one to complain of
---@return integer exit_code
function M.run(values, method, argument, line)
  local hub = values.hub and ("%q"):format(values.hub) or ""
  local text, failed = client.eval(values.NAME, { code = CHUNK:format(hub, method, argument), json = true })
  if not text then return failed end
  local code = exit.OK
  for _, each in ipairs(require("cjson").decode(text)) do
    local said, bad
    if each.message then
      said, bad = each.message, true
    else
      said, bad = line(each.answer)
    end
    if bad then
      complain(("%s: %s"):format(each.hub, said))
      code = exit.FAILED
    else
      io.stdout:write(each.hub, ": ", said, "\n")
    end
  end
  return code
end

return M
