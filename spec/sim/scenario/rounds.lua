-- rounds.lua (spec) - a waiting handler that keeps what it was told in the node's storage, of a hub, under a key.

local luahub = require("luahub")

return {
  hear = function(hub, key, data)
    luahub.storage.update(hub, key, function(heard)
      heard = heard or {}
      heard[#heard + 1] = data
      return heard
    end)
  end,
}
