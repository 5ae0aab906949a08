-- hears.lua - a handler that writes what it is told into a file of its node, a line for each event.
return { hear = function(key, data)
  local file = assert(io.open("heard." .. os.getenv("NODE"), "a"))
  file:write(key, " ", data.node or table.concat(data.nodes, ","), " ", data.needed or "", "\n")
  file:close()
end }
