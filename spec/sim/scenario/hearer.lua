-- hearer.lua (spec) - a waiting handler that keeps in the node's storage which children it was told of, and how often.

local luahub = require("luahub")

return {
  hear = function(_, data)
    luahub.storage.update("told", "heard", function(heard)
      heard = heard or {}
      heard[#heard + 1] = data.child_id
      return heard
    end)
  end,
}
