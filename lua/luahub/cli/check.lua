-- cli/check.lua - luahub check FILE: says what is wrong with a configuration, starts nothing.

local exit = require("luahub.cli.exit")
local start = require("luahub.cli.start")

local M = {
  usage = "luahub check FILE",
  summary = "check a configuration file",
  help = "Prints `FILE: ok`, or every problem of FILE with the path that leads to it.",
  positional = { "FILE" },
  options = {},
}

function M.run(values)
  local complete, err = start.configuration(values.FILE, {})
  if not complete then
    start.report(values.FILE, err)
    return exit.CONFIG
  end
  io.stdout:write(values.FILE, ": ok\n")
  return exit.OK
end

return M
