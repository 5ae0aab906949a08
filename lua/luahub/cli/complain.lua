-- cli/complain.lua - the one line that a command prints when something went wrong.

--- Prints "luahub: text" on stderr, in one write: the node's log goes there from other threads meanwhile.
---@param text string
return function(text)
  io.stderr:write("luahub: " .. text .. "\n")
end
