-- cli/keygen.lua - luahub keygen: prints a new cluster secret.

local exit = require("luahub.cli.exit")

return {
  usage = "luahub keygen",
  summary = "print a new cluster secret, one line",
  help = "Prints a new cluster secret: `luahub keygen > FILE; chmod 600 FILE`, then node.secret_file = \"FILE\".",
  positional = {},
  options = {},
  run = function()
    io.stdout:write(require("luahub.core").keygen(), "\n")
    return exit.OK
  end,
}
