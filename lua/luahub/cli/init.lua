-- cli/init.lua - the program: finds the command, reads its arguments, ends with its exit code.
--
-- One file a command beside this one. What a person asked for goes to stdout, what went wrong to stderr as one line.

local argument = require("luahub.argument")
local complain = require("luahub.cli.complain")
local exit = require("luahub.cli.exit")
local options = require("luahub.cli.options")

local M = {}

M.COMMANDS = {
  "start", "attach", "eval", "members", "children", "migrate", "release", "drain", "cordon", "uncordon",
  "pause", "resume", "quorum", "reload", "stop", "check", "keygen", "sim",
}

local function help()
  local lines = { "luahub - a Lua-scriptable cluster node", "", "usage: luahub COMMAND [ARGUMENTS]", "" }
  for _, name in ipairs(M.COMMANDS) do
    local command = require("luahub.cli." .. name)
    lines[#lines + 1] = ("  %-10s %s"):format(name, command.summary)
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "luahub COMMAND --help tells more; luahub --version prints the version."
  io.stdout:write(table.concat(lines, "\n"), "\n")
  return exit.OK
end

local function command_help(command)
  io.stdout:write("usage: ", command.usage, "\n\n", command.help or command.summary, "\n")
  return exit.OK
end

local function is_command(name)
  for _, known in ipairs(M.COMMANDS) do
    if known == name then return true end
  end
  return false
end

local function run_command(name, args)
  local command = require("luahub.cli." .. name)
  local values, problem = options.parse(args, command)
  if not values then
    complain(("%s: %s"):format(name, problem))
    io.stderr:write("usage: ", command.usage, "\n")
    return exit.USAGE
  end
  if values.help then return command_help(command) end
  return command.run(values)
end

local function version()
  io.stdout:write("luahub ", require("luahub.core").version, "\n")
  return exit.OK
end

--- Runs the program and answers its exit code.
---@param args string[]
---@return integer
function M.main(args)
  local name = args[1]
  if name == nil then
    help()
    return exit.USAGE
  end
  if name == "help" and args[2] and is_command(args[2]) then
    return command_help(require("luahub.cli." .. args[2]))
  end
  if name == "--help" or name == "-h" or name == "help" then return help() end
  if name == "--version" or name == "-v" or name == "version" then return version() end
  if not is_command(name) then
    complain(argument.unknown("command", name, M.COMMANDS))
    return exit.USAGE
  end
  return run_command(name, table.move(args, 2, #args, 1, {}))
end

return M
