-- healing.lua (spec) - a hook handler that remembers what it was told of nodes and quorums.
local luahub = require("luahub")

local M = {}

function M.hear(hub, key, data)
  local line = key .. " " .. (data.node or table.concat(data.nodes, " ")) .. (data.needed and ", " .. data.needed or "")
  luahub.storage.update(hub, "heard", function(old)
    local list = old or {}
    list[#list + 1] = line
    return list
  end)
end

return M
