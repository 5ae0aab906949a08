-- busted.lua - starts busted in the interpreter that runs this file. The program `busted` starts in Debian's
-- default Lua, which is 5.1, and changes over through a shell that splits paths at their semicolons.
require "busted.runner" { standalone = false }
