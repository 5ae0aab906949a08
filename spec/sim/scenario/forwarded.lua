-- forwarded.lua (spec) - a handler of children_forwarded that keeps in the node's storage what it was told: one line
-- "request node child" for each child.

local luahub = require("luahub")

return {
  hear = function(hub, data)
    luahub.storage.update(hub, "forwarded", function(lines)
      lines = lines or {}
      for _, forward in ipairs(data.forwards) do
        for _, id in ipairs(forward.children) do
          lines[#lines + 1] = ("%s %s %s"):format(forward.request, forward.node, id)
        end
      end
      return lines
    end)
  end,
}
